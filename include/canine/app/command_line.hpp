#pragma once

#include <deque>
#include <string>
#include <vector>

#include "canine/app/option.hpp"

namespace canine {

/// An option that stands on a command line, with its texts.
struct GivenOption {
  std::string name;
  std::vector<std::string> texts;
};

/// Reads a command line by argparse's rules: `--option value`, `--option=value`, '_' is '-', unambiguous abbreviations
/// of the Python program's options (others are written in full), lists end at the next option, the last of several
/// wins, what stands behind no option goes to the positional ones. Beyond argparse, a switch may be given `=false`.
/// Throws UsageError for unknown options (with app/flag_hints.hpp) and ambiguous ones, missing and stray values.
std::vector<GivenOption> parse_command_line(const std::deque<Option>& options,
                                            const std::vector<std::string>& arguments);

}  // namespace canine
