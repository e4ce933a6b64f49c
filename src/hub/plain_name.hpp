#pragma once

#include <string_view>

namespace canine {

/// Whether a text from outside is one or more of the letters, digits and marks that names of the Hub have, and nothing
/// that means another folder.
bool is_plain_name(std::string_view text);

}  // namespace canine
