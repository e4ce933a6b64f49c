#pragma once

#include <string_view>
#include <vector>

namespace canine {

/// A flag of ours that does what a flag of another program does.
struct FlagOfOurs {
  std::string_view name;         ///< without hyphens, or the name of a positional argument
  std::string_view value = "";   ///< to be given with it, where the other flag says as much by its name
  std::string_view remark = "";  ///< what else there is to know
  bool only_here = false;        ///< nothing that another program need be named for
};

/// Words that programs of this kind have for one thing, and what that is here. Of our flags those count that the
/// program at hand has.
struct FlagMeaning {
  std::vector<std::string_view> words;  ///< lower case, without any hyphens
  std::vector<FlagOfOurs> ours;
};

/// The table of what people are likely to type: flags of other trainers, of tools for tables, of launchers, and of the
/// sister programs.
const std::vector<FlagMeaning>& flag_meanings();

}  // namespace canine
