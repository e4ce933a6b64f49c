#pragma once

#include "canine/core/clock.hpp"

namespace canine {

/// When work of unknown length should say in a line how far it is: every ten seconds, except on a terminal, where a bar
/// (report/progress.hpp) shows it.
class ProgressLines {
 public:
  /// True if a line is due; the next one is due ten seconds later.
  bool due();

 private:
  Stopwatch since_line_;
};

}  // namespace canine
