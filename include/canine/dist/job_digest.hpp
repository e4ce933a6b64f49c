#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "canine/dist/job_store.hpp"
#include "canine/dist/process_group.hpp"

namespace canine {

/// What all ranks of a job must have alike: named fields with their values, in order. Long values (lists of parameter
/// names and shapes) are welcome; beyond 16 KiB they are compared by SHA-256.
class JobDigest {
 public:
  void add(std::string field, std::string value) { fields_.emplace_back(std::move(field), std::move(value)); }
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  /// Compares over the ranks before the first collective of tensors, through the store, so that ranks that differ in
  /// anything still understand each other. All ranks call it the same number of times. Throws UsageError on every rank
  /// with the same sentence: the first field that differs, the values and the ranks that have them. Throws PeerError
  /// naming the ranks that have not come within the group's timeout_init.
  void require_equal_on_all_ranks(ProcessGroup& group) const;

  /// The same without a group.
  void require_equal_on_all_ranks(JobStore& store, int rank, int world, std::chrono::milliseconds timeout) const;

  /// The same without a deadline, for ranks that may still have long work to do (a download). `wait` returns the value
  /// of `key` once it is set, and throws to give up; `what` says what is awaited.
  using Wait = std::function<std::string(const std::string& key, const std::string& what)>;
  void require_equal_on_all_ranks(JobStore& store, int rank, int world, const Wait& wait) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace canine
