#include "canine/core/fault_injection.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

constexpr std::array<std::pair<const char*, FaultKind>, 10> kKinds = {{
    {"kill", FaultKind::kKill},
    {"stop", FaultKind::kStop},
    {"abort", FaultKind::kAbort},
    {"segv", FaultKind::kSegv},
    {"exit", FaultKind::kExit},
    {"throw", FaultKind::kThrow},
    {"hang", FaultKind::kHang},
    {"slow", FaultKind::kSlow},
    {"nan", FaultKind::kNan},
    {"skip_collective", FaultKind::kSkipCollective},
}};

const char* name_of(FaultKind kind) {
  for (const auto& [name, known] : kKinds) {
    if (known == kind) return name;
  }
  return "none";
}

FaultKind kind_of(const std::string& name, const std::string& text) {
  for (const auto& [known, kind] : kKinds) {
    if (name == known) return kind;
  }
  throw UsageError(
      "CANINE_FAULT={}: '{}' is no kind of fault (kill, stop, abort, segv, exit, throw, hang, slow, nan, "
      "skip_collective)",
      text, name);
}

int64_t number(const std::string& word, const char* what, const std::string& text) {
  int64_t value = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc() || stop != end || value < 0 || value > 1'000'000'000) {
    throw UsageError("CANINE_FAULT={}: '{}' is no {}; expected kind[=value]@rank:step[:point[:always]]", text, word,
                     what);
  }
  return value;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

FaultPlan plan_of_environment() {
  const char* text = std::getenv("CANINE_FAULT");
  if (text == nullptr || *text == '\0') return {};
  FaultPlan plan = FaultPlan::parse(text);
  const char* restarts = std::getenv("TORCHELASTIC_RESTART_COUNT");
  const bool restarted = restarts != nullptr && std::string_view(restarts) != "0";
  if (restarted && !plan.always) plan.kind = FaultKind::kNone;
  return plan;
}

[[noreturn]] void hang() {
  while (true) ::pause();
}

FaultKind perform(const FaultPlan& plan, std::string_view point, int rank, int64_t step) {
  switch (plan.kind) {
    case FaultKind::kKill:
      std::raise(SIGKILL);
      break;
    case FaultKind::kStop:
      ::kill(::getpid(), SIGSTOP);
      break;
    case FaultKind::kAbort:
      std::abort();
    case FaultKind::kSegv:
      std::raise(SIGSEGV);
      break;
    case FaultKind::kExit:
      ::_exit(plan.value < 0 ? 0 : plan.value);
    case FaultKind::kThrow:
      throw InternalError("injected fault at {} of step {} on rank {}", point, step, rank);
    case FaultKind::kHang:
      hang();
    case FaultKind::kSlow:
      std::this_thread::sleep_for(std::chrono::milliseconds(plan.value < 0 ? 200 : plan.value));
      break;
    case FaultKind::kNan:
    case FaultKind::kSkipCollective:
      return plan.kind;
    case FaultKind::kNone:
      break;
  }
  return FaultKind::kNone;
}

}  // namespace

FaultPlan FaultPlan::parse(const std::string& text) {
  const size_t at = text.find('@');
  const std::vector<std::string> place = split(at == std::string::npos ? "" : text.substr(at + 1), ':');
  if (place.size() < 2 || place.size() > 4) {
    throw UsageError("CANINE_FAULT={}: expected kind[=value]@rank:step[:point[:always]]", text);
  }
  const std::vector<std::string> what = split(text.substr(0, at), '=');
  FaultPlan plan;
  plan.kind = kind_of(what[0], text);
  if (what.size() > 1) plan.value = static_cast<int>(number(what[1], "value", text));
  if (place[0] != "*") plan.rank = static_cast<int>(number(place[0], "rank", text));
  if (place[1] != "*") plan.step = number(place[1], "step", text);
  if (place.size() > 2 && place[2] != "*") plan.point = place[2];
  plan.always = place.size() == 4;
  if (plan.always && place[3] != "always") {
    throw UsageError("CANINE_FAULT={}: '{}' after the point; only 'always' may stand there", text, place[3]);
  }
  return plan;
}

bool FaultPlan::strikes(std::string_view at_point, int at_rank, int64_t at_step) const {
  if (kind == FaultKind::kNone) return false;
  if (rank && *rank != at_rank) return false;
  if (!point.empty() && point != at_point) return false;
  if (!step) return true;
  return kind == FaultKind::kSlow ? at_step >= *step : at_step == *step;
}

namespace fault_detail {

const bool g_armed = std::getenv("CANINE_FAULT") != nullptr;

FaultKind strike(std::string_view point, int rank, int64_t step) {
  static const FaultPlan plan = plan_of_environment();
  static std::atomic<bool> done{false};
  if (!plan.strikes(point, rank, step)) return FaultKind::kNone;
  if (plan.kind != FaultKind::kSlow && done.exchange(true)) return FaultKind::kNone;
  print_stderr_line(fmt::format("injected fault: {} at {}, rank {}, step {}", name_of(plan.kind), point, rank, step));
  return perform(plan, point, rank, step);
}

}  // namespace fault_detail
}  // namespace canine
