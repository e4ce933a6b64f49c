#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"

namespace canine {

/// What `body` writes to a stream (1 = stdout, 2 = stderr).
inline std::string captured(int stream, const std::function<void()>& body) {
  char name[] = "/tmp/canine_captured_XXXXXX";
  const int file = ::mkstemp(name);
  REQUIRE(file >= 0);
  const int copy = ::dup(stream);
  ::dup2(file, stream);
  try {
    body();
  } catch (...) {
    ::dup2(copy, stream);
    throw;
  }
  ::dup2(copy, stream);
  ::close(copy);
  ::close(file);
  const std::string text = read_file(name);
  ::unlink(name);
  return text;
}

/// Message of the UsageError that `body` throws, or "" if it throws none.
inline std::string usage_error(const std::function<void()>& body) {
  try {
    body();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

}  // namespace canine
