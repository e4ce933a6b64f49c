#include "safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>
#include <utility>

#include "bytes.hpp"
#include "canine/core/errors.hpp"
#include "tensor_layout.hpp"

namespace canine {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, c10::ScalarType>, 16> kTypes{{
    {"BOOL", c10::ScalarType::Bool},
    {"U8", c10::ScalarType::Byte},
    {"I8", c10::ScalarType::Char},
    {"I16", c10::ScalarType::Short},
    {"U16", c10::ScalarType::UInt16},
    {"I32", c10::ScalarType::Int},
    {"U32", c10::ScalarType::UInt32},
    {"I64", c10::ScalarType::Long},
    {"U64", c10::ScalarType::UInt64},
    {"F16", c10::ScalarType::Half},
    {"BF16", c10::ScalarType::BFloat16},
    {"F32", c10::ScalarType::Float},
    {"F64", c10::ScalarType::Double},
    {"F8_E4M3", c10::ScalarType::Float8_e4m3fn},
    {"F8_E5M2", c10::ScalarType::Float8_e5m2},
    {"C64", c10::ScalarType::ComplexFloat},
}};

/// Takes the header's JSON as a stream of events, so that nothing is built but the entries themselves.
///
/// Depth 0 is outside, 1 the header's object, 2 the object of one tensor (or of __metadata__), 3 one of its arrays.
class HeaderEvents : public nlohmann::json_sax<json> {
 public:
  explicit HeaderEvents(const std::string& file) : file_(file) {}

  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(std::size_t) override {
    if (depth_ > 1 || array_) refuse("an object where a value was expected");
    ++depth_;
    if (depth_ == 2) {
      in_metadata_ = name_ == "__metadata__";
      fields_.clear();
      if (!in_metadata_) entries.emplace_back().name = name_;
    }
    return true;
  }

  bool end_object() override {
    if (depth_ == 2 && !in_metadata_ && fields_.size() != 3) refuse("dtype, shape and data_offsets were expected");
    --depth_;
    return true;
  }

  bool key(string_t& text) override {
    if (depth_ == 1) {
      name_ = text;
      if (!names_.insert(text).second) refuse("the name occurs twice");
    } else {
      field_ = text;
      if (!fields_.insert(text).second) refuse("the key occurs twice");
      if (!in_metadata_ && text != "dtype" && text != "shape" && text != "data_offsets") refuse("unknown key");
    }
    return true;
  }

  bool string(string_t& text) override {
    if (depth_ != 2 || array_) refuse("a text where an object or a number was expected");
    if (in_metadata_) {
      metadata[field_] = text;
      return true;
    }
    if (field_ != "dtype") refuse("a text where a list was expected");
    const auto known = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& type) { return type.first == text; });
    if (known == kTypes.end())
      throw CheckpointError("{}: tensor '{}' has the unknown dtype '{}'", file_, printable(name_), printable(text));
    entries.back().type = known->second;
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || array_ || in_metadata_ || field_ == "dtype") refuse("a list where it does not belong");
    array_ = true;
    numbers_.clear();
    return true;
  }

  bool end_array() override {
    array_ = false;
    if (field_ == "shape") {
      entries.back().sizes.assign(numbers_.begin(), numbers_.end());
    } else {
      if (numbers_.size() != 2) refuse("two numbers were expected");
      entries.back().begin = static_cast<uint64_t>(numbers_[0]);
      entries.back().end = static_cast<uint64_t>(numbers_[1]);
    }
    return true;
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (!array_) refuse("a number where it does not belong");
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) refuse("the number is too large");
    numbers_.push_back(static_cast<int64_t>(number));
    return true;
  }

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a truth value"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a number with a point"); }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    throw CheckpointError("{}: the header is not JSON at its byte {}: {}", file_, position, error.what());
  }

 private:
  bool refuse(std::string_view what) const {
    throw CheckpointError("{}: bad safetensors header at '{}'{}{}: {}", file_, printable(name_), depth_ > 1 ? ", " : "",
                          depth_ > 1 ? printable(field_) : "", what);
  }

  const std::string& file_;
  int depth_ = 0;
  bool array_ = false;
  bool in_metadata_ = false;
  std::string name_;
  std::string field_;
  std::unordered_set<std::string> names_;
  std::set<std::string> fields_;
  std::vector<int64_t> numbers_;
};

void check_length(const SafetensorsEntry& entry, const std::string& file) {
  const std::optional<int64_t> numel = checked_numel(entry.sizes);
  const std::optional<uint64_t> bytes =
      numel ? checked_product(static_cast<uint64_t>(*numel), c10::elementSize(entry.type)) : std::nullopt;
  if (!bytes) throw CheckpointError("{}: the shape of tensor '{}' overflows", file, printable(entry.name));
  if (entry.end - entry.begin != *bytes) {
    throw CheckpointError("{}: tensor '{}' needs {} bytes by shape and dtype, its offsets {}..{} hold {}", file,
                          entry.name, *bytes, entry.begin, entry.end, entry.end - entry.begin);
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_bytes, const std::string& file) {
  if (text.empty() || text.front() != '{') {
    throw CheckpointError("{}: not a safetensors file: '{{' was expected at byte 8", file);
  }
  HeaderEvents events(file);
  json::sax_parse(text, &events);
  std::vector<SafetensorsEntry> entries = std::move(events.entries);
  std::stable_sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
    return std::pair(left.begin, left.end) < std::pair(right.begin, right.end);
  });
  uint64_t position = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != position || entry.end < entry.begin) {
      throw CheckpointError(
          "{}: tensor '{}' lies at data bytes {}..{}, {} was expected as its begin (ranges must tile)", file,
          entry.name, entry.begin, entry.end, position);
    }
    check_length(entry, file);
    position = entry.end;
  }
  if (position != data_bytes) {
    throw CheckpointError("{}: the tensors take {} bytes, the file holds {} bytes of data (cut off, or not its own?)",
                          file, position, data_bytes);
  }
  return {std::move(entries), std::move(events.metadata)};
}

std::string_view safetensors_type_name(c10::ScalarType type) {
  for (const auto& [name, known] : kTypes) {
    if (known == type) return name;
  }
  throw CheckpointError("safetensors has no dtype for {}", c10::toString(type));
}

}  // namespace canine
