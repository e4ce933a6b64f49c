#include "terminal.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace canine {

bool draws_on_stderr() {
  const char* kind = std::getenv("TERM");
  if (kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb") return false;
  return ::isatty(STDERR_FILENO) != 0;
}

}  // namespace canine
