#include "canine/app/run_main.hpp"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <unistd.h>

#include <new>
#include <string>

#include "canine/app/library_path.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/write_errors.hpp"
#include "canine/launch/error_file.hpp"
#include "canine/launch/launch_context.hpp"

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

/// The last line of a program that failed, for people and for the launcher.
int report(const std::string& message, ExitCode code) {
  log_error("{}", message);
  write_error_file(launcher_error_file(process_environment()),
                   {.message = message, .secondary = code == ExitCode::kPeer});
  return static_cast<int>(code);
}

}  // namespace

int run_main(const std::function<int()>& body) {
  leave_current_folder_out_of_library_path();
  open_closed_streams();
  ignore_write_signals();
  try {
    return body();
  } catch (const Error& error) {
    return report(error.what(), error.exit_code());
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace(), ExitCode::kInternal);
  } catch (const std::bad_alloc&) {
    return report("out of memory", ExitCode::kInternal);
  } catch (const std::exception& error) {
    return report(error.what(), ExitCode::kInternal);
  }
}

}  // namespace canine
