#pragma once

#include <string>

namespace canine {

/// A path as a shell would have made it, where the shell had no part: behind `--option=`, in quotes, in YAML.
///
/// `~` and `~name` at the start become the home folder. A variable (`$HOME`, `${HOME}`) is refused, because expanding
/// it here would have other rules than the shell's, unless something of that literal name is there. `where` ("--out",
/// "args.yaml, line 3: out") begins the message. Throws UsageError.
std::string expanded_path(const std::string& text, const std::string& where);

}  // namespace canine
