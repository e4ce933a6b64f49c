#pragma once

#include <exception>
#include <string>

namespace canine {

/// What an exception of c10d or Gloo says, in one line: without its stack trace, its source file and its advice to
/// developers.
std::string plain_message(const std::exception& error);

}  // namespace canine
