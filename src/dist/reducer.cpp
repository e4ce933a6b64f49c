#include "reducer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace canine {
namespace {

using Parameters = std::vector<at::Tensor>;
using Buckets = std::vector<std::vector<size_t>>;
using Group = c10::intrusive_ptr<c10d::ProcessGroup>;
using Sparse = std::vector<bool>;
using Names = std::unordered_map<size_t, std::string>;
using Caps = std::vector<int64_t>;

struct BucketCaps {
  int64_t first;
  int64_t other;
};

/// In bytes.
BucketCaps caps_of(const DdpOptions& options) {
  if (!options.bucket_cap_mb) return {c10d::kDefaultFirstBucketBytes, c10d::kDefaultBucketBytesCap};
  const int64_t cap = std::max<int64_t>(1, std::llround(*options.bucket_cap_mb * (1 << 20)));
  return {cap, cap};
}

Buckets first_buckets(const Parameters& parameters, const DdpOptions& options) {
  // Where the buckets are laid out anew after the first step, in the order in which gradients came, one bucket per type
  // does for that step: all-reduces that started before the order is known might not come in the same order on all
  // ranks.
  std::vector<size_t> caps = {std::numeric_limits<int64_t>::max()};
  if (options.find_unused_parameters && !options.static_graph) {
    caps = {static_cast<size_t>(caps_of(options).first), static_cast<size_t>(caps_of(options).other)};
  }
  Buckets buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(parameters, caps));
  std::reverse(buckets.begin(), buckets.end());  // the last layers' gradients come first
  return buckets;
}

/// The constructor has got more parameters with the versions of LibTorch.
template <typename R>
R* construct(Parameters parameters, Buckets buckets, const Group& group, Names names, const DdpOptions& options) {
  constexpr bool with_caps = std::is_constructible_v<R, Parameters, Buckets, Group, Sparse, int64_t, bool, bool, Names,
                                                     int64_t, bool, bool, Caps>;
  constexpr bool without_caps =
      std::is_constructible_v<R, Parameters, Buckets, Group, Sparse, int64_t, bool, bool, Names, int64_t, bool, bool>;
  static_assert(with_caps || without_caps, "this LibTorch has another constructor of c10d::Reducer: add its variant");
  const BucketCaps caps = caps_of(options);
  constexpr bool skip_unused = false;     // leaving out unused parameters needs the same ones on all ranks
  constexpr bool python_reducer = false;  // only compiled autograd has that
  if constexpr (with_caps) {              // 2.11
    return new R(std::move(parameters), std::move(buckets), group, Sparse(), caps.other, options.find_unused_parameters,
                 options.gradient_as_bucket_view, std::move(names), caps.first, skip_unused, python_reducer, Caps());
  } else {
    return new R(std::move(parameters), std::move(buckets), group, Sparse(), caps.other, options.find_unused_parameters,
                 options.gradient_as_bucket_view, std::move(names), caps.first, skip_unused, python_reducer);
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void ReducerDeleter::operator()(Reducer* reducer) const noexcept {
  try {
    // After a failed backward pass, too, the graph's hooks must not outlive what they point to.
    reducer->remove_autograd_hooks();
  } catch (...) {
  }
  try {
    delete reducer;
  } catch (...) {
  }
}

ReducerPtr make_reducer(std::vector<at::Tensor> parameters, const std::vector<std::string>& names, const Group& group,
                        const DdpOptions& options) {
  Names numbered;
  for (size_t i = 0; i < names.size(); ++i) numbered[i] = names[i];
  Buckets buckets = first_buckets(parameters, options);
  ReducerPtr reducer(
      construct<Reducer>(std::move(parameters), std::move(buckets), group, std::move(numbered), options));
  if (options.static_graph) reducer->set_static_graph();
  return reducer;
}

std::vector<size_t> parameters_without_gradient(const std::string& message) {
  std::vector<size_t> numbers;
  const size_t mark = message.find("did not receive grad for rank");
  const size_t begin = mark == std::string::npos ? mark : message.find(':', mark);
  if (begin == std::string::npos) return numbers;
  bool inside = false;
  for (size_t i = begin + 1; i < message.size() && (message[i] == ' ' || is_digit(message[i])); ++i) {
    if (is_digit(message[i])) {
      if (!inside) numbers.push_back(0);
      numbers.back() = numbers.back() * 10 + static_cast<size_t>(message[i] - '0');
    }
    inside = is_digit(message[i]);
  }
  return numbers;
}

}  // namespace canine
