#include "canine/app/option.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "canine/app/path_text.hpp"
#include "canine/app/yaml_text.hpp"
#include "canine/core/ascii_lower.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/python_float.hpp"

namespace canine {
namespace {

/// A whole text as a number, with an optional '+' as Python takes it.
template <typename T>
std::optional<T> to_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<bool> to_bool(const std::string& word) {
  const std::string text = ascii_lower(word);
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

/// Whole numbers with all their digits.
std::string number_text(double number) {
  return number == std::floor(number) && std::abs(number) < 1e15 ? fmt::format("{:.0f}", number)
                                                                 : fmt::format("{:g}", number);
}

/// What --help calls so is a path (or, for models, a path or a Hub name), also in variables that hold plain texts.
bool names_path(std::string_view word) {
  constexpr std::string_view kWords[] = {"FILE", "FOLDER", "MODEL", "NAME|FOLDER", "IN", "OUT"};
  return std::ranges::find(kWords, word) != std::end(kWords);
}

}  // namespace

Option::Option(std::string name, Kind kind, std::string help, Target target)
    : name_(std::move(name)),
      kind_(kind),
      help_(std::move(help)),
      target_(std::move(target)),
      default_(target_.load()),
      placeholder_(kind == Kind::kInteger  ? "N"
                   : kind == Kind::kNumber ? "X"
                   : kind == Kind::kSwitch ? ""
                                           : "TEXT") {}

Option& Option::takes(std::string placeholder) {
  placeholder_ = std::move(placeholder);
  return *this;
}

Option& Option::at_least(double least) {
  least_ = least;
  return *this;
}

Option& Option::between(double least, double most) {
  least_ = least;
  most_ = most;
  return *this;
}

Option& Option::from_to_below(double least, double end) {
  below_most_ = true;
  return between(least, end);
}

Option& Option::one_of(std::vector<std::string> choices) {
  choices_ = std::move(choices);
  placeholder_ = fmt::format("{}", fmt::join(choices_, "|"));
  return *this;
}

Option& Option::environment(std::string variable, std::string silence) {
  environment_ = std::move(variable);
  silence_ = std::move(silence);
  return *this;
}

Option& Option::addition(bool is_addition) {
  addition_ = is_addition;
  return *this;
}

Option& Option::local() {
  local_ = true;
  return *this;
}

Option& Option::command_line_only() {
  command_line_only_ = true;
  return *this;
}

Option& Option::required() {
  required_ = true;
  return *this;
}

std::string Option::key() const {
  std::string key = name_;
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

bool Option::in_range(double number) const {
  return std::isfinite(number) && number >= least_ && (below_most_ ? number < most_ : number <= most_);
}

std::string Option::limits() const {
  if (!choices_.empty() || kind_ == Kind::kSwitch || kind_ == Kind::kText || kind_ == Kind::kList) return "";
  const bool has_least = std::isfinite(least_);
  const bool has_most = std::isfinite(most_) && most_ < std::numeric_limits<int>::max();
  if (has_least && has_most) {
    return fmt::format("{} to {}{}", number_text(least_), below_most_ ? "below " : "", number_text(most_));
  }
  return has_least ? fmt::format("at least {}", number_text(least_)) : "";
}

std::string Option::expected() const {
  if (!choices_.empty()) return fmt::format("one of {}", fmt::join(choices_, ", "));
  switch (kind_) {
    case Kind::kSwitch:
      return "true or false";
    case Kind::kInteger:
    case Kind::kNumber: {
      const std::string kind = kind_ == Kind::kInteger ? "a whole number" : "a number";
      const std::string range = limits();
      return range.empty() ? kind : fmt::format("{} {} {}", kind, range.starts_with("at") ? "of" : "from", range);
    }
    case Kind::kList:
      return "one or more values";
    case Kind::kText:
      return "a value";
  }
  return "";
}

OptionValue Option::parse(const std::vector<std::string>& texts, const std::string& where) const {
  if (texts.empty() || std::any_of(texts.begin(), texts.end(), [](const auto& text) { return text.empty(); })) {
    throw UsageError("{}: expected {}, got nothing", where, expected());
  }
  if (kind_ == Kind::kList) return texts;
  if (texts.size() > 1)
    throw UsageError("{}: expected one value, got {} ({})", where, texts.size(), fmt::join(texts, ", "));
  const std::string& text = texts[0];
  const auto fail = [&] {
    // The limit of the variable's type, which only those need to know who pass it.
    const std::optional<double> number = kind_ == Kind::kInteger ? to_number<double>(text) : std::nullopt;
    if (number && std::isfinite(most_) && *number > most_ && most_ >= std::numeric_limits<int>::max()) {
      return UsageError("{}: expected a whole number of at most {}, got '{}'", where, number_text(most_), text);
    }
    return UsageError("{}: expected {}, got '{}'", where, expected(), text);
  };
  switch (kind_) {
    case Kind::kSwitch:
      if (const auto value = to_bool(text)) return *value;
      throw fail();
    case Kind::kInteger:
      if (const auto value = to_number<int64_t>(text); value && in_range(static_cast<double>(*value))) return *value;
      throw fail();
    case Kind::kNumber:
      if (const auto value = to_number<double>(text); value && in_range(*value)) return *value;
      throw fail();
    case Kind::kText:
    case Kind::kList:
      if (!choices_.empty() && std::find(choices_.begin(), choices_.end(), text) == choices_.end()) throw fail();
      return text;
  }
  throw fail();
}

void Option::set(const std::vector<std::string>& texts, const std::string& where, Origin origin,
                 std::string origin_text) {
  std::vector<std::string> values = texts;
  if (is_path_ || names_path(is_positional_ ? name_ : placeholder_)) {
    for (std::string& value : values) value = expanded_path(value, where);
  }
  target_.store(parse(values, where));
  origin_ = origin;
  origin_text_ = std::move(origin_text);
}

std::string to_text(const OptionValue& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return yaml_float(number); }
    std::string operator()(const std::string& text) const { return yaml_text(text); }
    std::string operator()(const std::vector<std::string>& texts) const {
      std::vector<std::string> items;
      for (const std::string& text : texts) items.push_back(yaml_text(text, true));
      return fmt::format("[{}]", fmt::join(items, ", "));
    }
  };
  return std::visit(Visitor(), value);
}

}  // namespace canine
