#include "canine/core/output_stream.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/write_errors.hpp"

namespace canine {
namespace {

int g_standard_output = STDOUT_FILENO;  // set before there are threads

}  // namespace

OutputStream::OutputStream(const std::filesystem::path& name) : name_(name.string()) {
  const std::optional<int> number = named_descriptor(name);
  if (!number) throw InternalError("{}: expected the name of a descriptor", name_);
  if (*number == STDERR_FILENO) throw UsageError("{}: messages go there; give another place for the data", name_);
  if (*number == STDOUT_FILENO) name_ = "the standard output";
  fd_ = ::fcntl(*number == STDOUT_FILENO ? g_standard_output : *number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int flags = fd_ < 0 ? -1 : ::fcntl(fd_, F_GETFL);
  if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) return;
  if (fd_ >= 0) ::close(fd_);
  throw UsageError("{}: nothing that can be written to is open under this name", name_);
}

OutputStream::~OutputStream() { ::close(fd_); }

void OutputStream::write(std::span<const std::byte> bytes) {
  const auto [written, error] = write_fully(fd_, bytes);
  size_ += written;
  if (error == 0) return;
  throw IoError("cannot write to {} at byte {}: {}", name_, size_,
                error == EPIPE ? "whoever read from it has ended" : write_error_text(error));
}

void keep_standard_output_for_data() {
  if (g_standard_output != STDOUT_FILENO) return;
  const int copy = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (copy < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    throw IoError("the standard output cannot be used for data: {}", std::generic_category().message(errno));
  }
  g_standard_output = copy;
}

}  // namespace canine
