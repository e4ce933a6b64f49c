#include "canine/report/progress_lines.hpp"

#include <unistd.h>

namespace canine {
namespace {

constexpr double kSecondsBetweenLines = 10;

}  // namespace

bool ProgressLines::due() {
  if (::isatty(STDERR_FILENO) != 0 || since_line_.seconds() < kSecondsBetweenLines) return false;
  since_line_.restart();
  return true;
}

}  // namespace canine
