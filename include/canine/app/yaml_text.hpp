#pragma once

#include <string>
#include <string_view>

namespace canine {

/// A text as a YAML scalar in the style that PyYAML's emitter chooses (plain, 'single' or "double" quoted), so that
/// YAML 1.1 readers take it for a text: `no`, `1e3.` or `2020-01-01` get quotes. Never folded over lines.
/// `in_flow` = inside [brackets].
std::string yaml_text(std::string_view text, bool in_flow = false);

}  // namespace canine
