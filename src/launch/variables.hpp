#pragma once

#include <optional>
#include <string>

#include "canine/launch/launch_context.hpp"

namespace canine {

/// Variables with which self_launch tells its children who they are (self_launch.hpp).
inline constexpr const char* kSelfLaunchVariable = "CANINE_SELF_LAUNCH";  ///< process id of the parent
inline constexpr const char* kListenFdVariable = "CANINE_LISTEN_FD";      ///< rank 0: an inherited listening socket

/// An environment read strictly. Blanks, line ends and quotes around a value do not count; an empty variable counts as
/// unset.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  bool has(const std::string& name) const { return !text(name).empty(); }

  /// The value, or "".
  std::string text(const std::string& name) const;

  /// A whole number of at least `least`. Throws UsageError naming the variable when it is unset or something else.
  int number(const std::string& name, int least) const;

  /// The same, or nullopt when it is unset.
  std::optional<int> find_number(const std::string& name, int least) const;

 private:
  const Environment& environment_;
};

}  // namespace canine
