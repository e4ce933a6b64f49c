#include "canine/core/result.hpp"

#include <unistd.h>

#include "canine/core/errors.hpp"
#include "canine/core/write_errors.hpp"
#include "log_line.hpp"

namespace canine {

void print_result(std::string_view text) {
  const int error = write_line(STDOUT_FILENO, text);
  if (error != 0) throw IoError("cannot write to the standard output: {}", write_error_text(error));
}

}  // namespace canine
