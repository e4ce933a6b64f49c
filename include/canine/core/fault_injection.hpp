#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace canine {

/// Faults on demand, for tests only: the variable CANINE_FAULT, read once, says what goes wrong, on which rank, at
/// which step and at which named point of the code. Without it a fault point costs one comparison.
///
///   CANINE_FAULT=kind[=value]@rank:step[:point[:always]]      rank, step and point may be *
///   CANINE_FAULT=kill@1:5:in_backward
///
/// It strikes once, and not in a process that the launcher has restarted (TORCHELASTIC_RESTART_COUNT above 0) unless
/// "always" says so. Each strike writes one line to stderr, so that a test can tell that it happened.
enum class FaultKind {
  kNone,
  kKill,   ///< SIGKILL
  kStop,   ///< SIGSTOP: the process stays, silent
  kAbort,  ///< SIGABRT
  kSegv,   ///< SIGSEGV
  kExit,   ///< leaves at once with status `value` (0)
  kThrow,  ///< throws InternalError
  kHang,   ///< never returns
  kSlow,   ///< takes `value` ms (200) longer, from that step on
  // What the code around the point has to do itself:
  kNan,             ///< put a NaN into its numbers
  kSkipCollective,  ///< leave out its collective
};

/// A parsed CANINE_FAULT.
struct FaultPlan {
  FaultKind kind = FaultKind::kNone;
  int value = -1;               ///< -1 = the kind's own
  std::optional<int> rank;      ///< nullopt = every rank
  std::optional<int64_t> step;  ///< nullopt = every step
  std::string point;            ///< "" = every point
  bool always = false;          ///< also in restarted processes

  /// Throws UsageError, naming the part that cannot be read.
  static FaultPlan parse(const std::string& text);
  bool strikes(std::string_view at_point, int at_rank, int64_t at_step) const;
};

namespace fault_detail {
extern const bool g_armed;
FaultKind strike(std::string_view point, int rank, int64_t step);
}  // namespace fault_detail

/// A named place where a fault may strike. Returns kNan or kSkipCollective if the caller has to do it, else kNone.
inline FaultKind fault_point(std::string_view point, int rank, int64_t step) {
  if (!fault_detail::g_armed) [[likely]]
    return FaultKind::kNone;
  return fault_detail::strike(point, rank, step);
}

}  // namespace canine
