#include "canine/train/main_rank.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// "0:result", or the exit code and the message of a failure.
std::string encoded(int code, const std::string& text) { return fmt::format("{}:{}", code, text); }

/// While it lives, waits may take as long as joining the job: writing a large file to a slow disk is no fault.
class LongWait {
 public:
  explicit LongWait(ProcessGroup& group) : group_(group), former_(group.step_timeout()) {
    group_.set_step_timeout(std::max(former_, group_.options().timeout_init));
  }
  ~LongWait() { group_.set_step_timeout(former_); }
  LongWait(const LongWait&) = delete;
  LongWait& operator=(const LongWait&) = delete;

 private:
  ProcessGroup& group_;
  std::chrono::milliseconds former_;
};

std::string attempt(const std::function<std::string()>& work, std::exception_ptr& failure) {
  try {
    return encoded(0, work());
  } catch (const Error& error) {
    failure = std::current_exception();
    return encoded(static_cast<int>(error.exit_code()), error.what());
  } catch (const std::exception& error) {
    failure = std::current_exception();
    return encoded(static_cast<int>(ExitCode::kInternal), error.what());
  }
}

}  // namespace

std::string text_of_main_rank(ProcessGroup& group, const std::string& what, const std::function<std::string()>& work) {
  if (group.world() == 1) return work();
  std::exception_ptr failure;
  std::string sent;
  if (group.is_main()) {
    sent = attempt(work, failure);
  } else {
    group.enter("waiting for rank 0: " + what);
  }
  const LongWait patience(group);
  const std::string outcome = group.broadcast_text(sent, 0, what);
  if (failure) std::rethrow_exception(failure);
  const size_t colon = outcome.find(':');
  const int code = std::stoi(outcome.substr(0, colon));
  std::string text = outcome.substr(colon + 1);
  if (code != 0) throw Error(static_cast<ExitCode>(code), "rank 0, " + what + ": " + text);
  return text;
}

void on_main_rank(ProcessGroup& group, const std::string& what, const std::function<void()>& work) {
  text_of_main_rank(group, what, [&] {
    work();
    return std::string();
  });
}

}  // namespace canine
