#pragma once

#include <sys/resource.h>

#include "canine/core/write_errors.hpp"

namespace canine::testing {

/// No file of this process may grow beyond some bytes while the object lives: the next write fails as on a full disk,
/// which needs no disk of its own.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ignore_write_signals();  // as in every program
    ::getrlimit(RLIMIT_FSIZE, &former_);
    const rlimit limit{bytes, former_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &former_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit former_{};
};

}  // namespace canine::testing
