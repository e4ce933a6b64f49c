#include "canine/dist/job_digest.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "canine/core/errors.hpp"
#include "canine/core/sha256.hpp"
#include "fields.hpp"

namespace canine {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using Clock = std::chrono::steady_clock;

constexpr size_t kLongestSent = 16'384;
constexpr size_t kLongestShown = 80;
constexpr std::chrono::seconds kForTheVerdict{10};  // rank 0 uses the whole deadline to find out who is missing
constexpr std::chrono::seconds kForTheReaders{
    5};  // rank 0 may serve the store, so it must not end before they have read

/// Keys of one comparison.
struct Keys {
  std::string prefix;
  std::string fields_of(int rank) const { return fmt::format("{}/fields/{}", prefix, rank); }
  std::string verdict() const { return prefix + "/verdict"; }
  std::string readers() const { return prefix + "/readers"; }
  std::string read_by_all() const { return prefix + "/read_by_all"; }
};

/// What rank 0 found.
struct Verdict {
  std::string missing;  // message, "" = nobody
  std::string difference;
  int64_t readers = 0;  // ranks that will read it

  std::string encode() const { return pack_fields({missing, difference, std::to_string(readers)}); }
  static Verdict decode(const std::string& text) {
    const auto fields = unpack_fields(text);
    if (!fields || fields->size() != 3) throw PeerError("rank 0's comparison cannot be read; is it the same program?");
    return {(*fields)[0], (*fields)[1], number_or((*fields)[2], 0)};
  }
};

std::string sent(const std::string& value) {
  if (value.size() <= kLongestSent) return value;
  return fmt::format("{}... ({} bytes, SHA-256 {})", value.substr(0, kLongestShown), value.size(), sha256_of(value));
}

std::string pack(const Fields& fields) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : fields) {
    texts.push_back(name);
    texts.push_back(sent(value));
  }
  return pack_fields(texts);
}

Fields unpack(const std::string& packed, int rank) {
  const auto texts = unpack_fields(packed);
  if (!texts || texts->size() % 2 != 0) {
    throw PeerError(
        "rank {} has put something into the job's store that is no digest; do all ranks run the same program?", rank);
  }
  Fields fields;
  for (size_t i = 0; i < texts->size(); i += 2) fields.emplace_back((*texts)[i], (*texts)[i + 1]);
  return fields;
}

const std::string* find(const Fields& fields, const std::string& name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

/// The value, or of a long one the part where it leaves `other`.
std::string shown(const std::string& value, const std::string& other) {
  if (value.size() <= kLongestShown) return fmt::format("'{}'", value);
  const auto split = std::mismatch(value.begin(), value.end(), other.begin(), other.end()).first - value.begin();
  const size_t start = split > 30 ? static_cast<size_t>(split) - 30 : 0;
  const std::string part = value.substr(start, kLongestShown);
  return fmt::format("'{}{}{}' (from character {} of {})", start > 0 ? "..." : "", part,
                     start + part.size() < value.size() ? "..." : "", start + 1, value.size());
}

std::string ranks_text(const std::vector<int>& ranks) {
  constexpr size_t kMost = 16;
  const std::vector<int> first(ranks.begin(),
                               ranks.begin() + static_cast<std::ptrdiff_t>(std::min(ranks.size(), kMost)));
  return fmt::format("{} {}{}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(first, ", "),
                     ranks.size() > kMost ? fmt::format(" and {} more", ranks.size() - kMost) : "");
}

/// "" if `name` is the same on all ranks.
std::string difference_of(const std::string& name, const std::vector<Fields>& ranks) {
  const std::string absent = "(no such field)";
  std::map<std::string, std::vector<int>> ranks_by_value;
  std::vector<std::string> in_order;
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    const std::string* value = find(ranks[static_cast<size_t>(rank)], name);
    const std::string& key = value ? *value : absent;
    if (!ranks_by_value.count(key)) in_order.push_back(key);
    ranks_by_value[key].push_back(rank);
  }
  if (in_order.size() == 1) return "";
  std::vector<std::string> clauses;
  for (size_t i = 0; i < std::min<size_t>(in_order.size(), 4); ++i) {
    const std::string& other = in_order[i == 0 ? 1 : 0];
    clauses.push_back(fmt::format("{} on {}", shown(in_order[i], other), ranks_text(ranks_by_value[in_order[i]])));
  }
  return fmt::format(
      "the processes of this job differ in {}: {}. Start all of them with the same program, arguments "
      "and files",
      name, fmt::join(clauses, ", "));
}

std::string first_difference(const std::vector<Fields>& ranks) {
  for (const Fields& fields : ranks) {  // a field may be known to one rank only
    for (const auto& field : fields) {
      const std::string difference = difference_of(field.first, ranks);
      if (!difference.empty()) return difference;
    }
  }
  return "";
}

/// Fields of each rank, as text; none of ranks that do not come before the deadline.
std::vector<std::optional<std::string>> collect(JobStore& store, const Keys& keys, int world,
                                                std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  std::vector<std::optional<std::string>> texts(static_cast<size_t>(world));
  bool complete = true;
  for (int rank = 0; rank < world; ++rank) {
    std::optional<std::string>& text = texts[static_cast<size_t>(rank)];
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    text = store.find(keys.fields_of(rank));
    if (text || left.count() <= 0 || !complete) continue;
    try {
      const auto patience = std::max(left, std::chrono::milliseconds(1000));
      text = store.wait(keys.fields_of(rank), patience, fmt::format("the digest of rank {}", rank));
    } catch (const PeerError&) {
      if (store.find(keys.fields_of(rank))) throw;
      complete = false;
    }
  }
  return texts;
}

/// Rank 0 reads all and judges, so that all ranks say the same and the store is read W times and not W squared times.
Verdict judge(const std::vector<std::optional<std::string>>& texts, std::chrono::milliseconds timeout) {
  const auto world = static_cast<int>(texts.size());
  std::vector<Fields> ranks;
  std::vector<int> missing;
  for (int rank = 0; rank < world; ++rank) {
    const std::optional<std::string>& text = texts[static_cast<size_t>(rank)];
    if (text) {
      ranks.push_back(unpack(*text, rank));
    } else {
      missing.push_back(rank);
    }
  }
  Verdict verdict;
  verdict.readers = world - 1 - static_cast<int64_t>(missing.size());
  if (missing.empty()) {
    verdict.difference = first_difference(ranks);
    return verdict;
  }
  verdict.missing = fmt::format(
      "{} of {} processes did not come to the comparison of arguments and data within {} s "
      "(--timeout-init): look at what they print",
      ranks_text(missing), world, timeout.count() / 1000.0);
  return verdict;
}

void wait_for_readers(JobStore& store, const Keys& keys, const Verdict& verdict) {
  if (verdict.readers == 0) return;
  try {
    store.wait(keys.read_by_all(), kForTheReaders, "the other ranks' reading of the comparison");
  } catch (const PeerError&) {
    // They have gone without reading; the verdict is what counts.
  }
}

Keys start_comparison(JobStore& store, int rank, const Fields& fields) {
  const int64_t call = store.add(fmt::format("digest/calls/{}", rank), 1);
  Keys keys{fmt::format("digest/{}", call)};
  store.set(keys.fields_of(rank), pack(fields));
  return keys;
}

void throw_fault(const Verdict& verdict) {
  if (!verdict.missing.empty()) throw PeerError("{}", verdict.missing);
  if (!verdict.difference.empty()) throw UsageError("{}", verdict.difference);
}

/// Rank 0's end of a comparison.
void conclude(JobStore& store, const Keys& keys, const Verdict& verdict) {
  store.set(keys.verdict(), verdict.encode());
  wait_for_readers(store, keys, verdict);
  throw_fault(verdict);
}

/// That of the others.
void obey(JobStore& store, const Keys& keys, const std::string& text) {
  const Verdict verdict = Verdict::decode(text);
  if (store.add(keys.readers(), 1) == verdict.readers) store.set(keys.read_by_all(), "");
  throw_fault(verdict);
}

}  // namespace

void JobDigest::require_equal_on_all_ranks(ProcessGroup& group) const {
  if (group.world() == 1) return;
  require_equal_on_all_ranks(*group.store(), group.rank(), group.world(), group.options().timeout_init);
}

void JobDigest::require_equal_on_all_ranks(JobStore& store, int rank, int world,
                                           std::chrono::milliseconds timeout) const {
  const Keys keys = start_comparison(store, rank, fields_);
  if (rank == 0) return conclude(store, keys, judge(collect(store, keys, world, timeout), timeout));
  const std::string what = "rank 0's comparison of arguments and data (--timeout-init)";
  obey(store, keys, store.wait(keys.verdict(), timeout + kForTheVerdict, what));
}

void JobDigest::require_equal_on_all_ranks(JobStore& store, int rank, int world, const Wait& wait) const {
  const Keys keys = start_comparison(store, rank, fields_);
  if (rank > 0) return obey(store, keys, wait(keys.verdict(), "the comparison of arguments and data of all ranks"));
  std::vector<std::optional<std::string>> texts;
  for (int other = 0; other < world; ++other) {
    texts.emplace_back(wait(keys.fields_of(other), fmt::format("rank {} to come with its arguments and data", other)));
  }
  conclude(store, keys, judge(texts, {}));
}

}  // namespace canine
