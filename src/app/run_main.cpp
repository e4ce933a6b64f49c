#include "canine/app/run_main.hpp"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <new>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

/// open() gives the lowest free number, so this ends above the standard streams.
void open_closed_streams() {
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) ::close(fd);
}

int internal_error(const char* what) {
  log_error("{}", what);
  return static_cast<int>(ExitCode::kInternal);
}

}  // namespace

int run_main(const std::function<int()>& body) {
  open_closed_streams();
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return body();
  } catch (const Error& error) {
    log_error("{}", error.what());
    return static_cast<int>(error.exit_code());
  } catch (const c10::Error& error) {
    return internal_error(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return internal_error("out of memory");
  } catch (const std::exception& error) {
    return internal_error(error.what());
  }
}

}  // namespace canine
