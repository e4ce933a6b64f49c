// The --help text of an OptionSet.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "canine/app/option_set.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr size_t kWidth = 100;
constexpr size_t kHelpColumn = 30;
constexpr const char* kParagraphs[] = {
    "N is a whole number, X a number, ... one or more values. '_' and '-' are the same in options, and --option=value "
    "works. Options of the Python program may be shortened as there, others are written in full.",
    "Exit status: 0 done, 2 wrong usage, 65 bad data, 70 internal error, 73 cannot write, 74 reading or writing "
    "failed, 75 "
    "stopped after a good save (start again to go on), 76 another process failed, 77 checkpoint refused.",
};

/// Words of `text` in lines that end before column kWidth and start at column `indent`, the first one too.
std::string wrapped(const std::string& text, size_t indent) {
  const std::string new_line = fmt::format("\n{:{}}", "", indent);
  std::string out;
  size_t column = indent;
  for (size_t start = 0; start < text.size();) {
    const size_t length = std::min(text.find(' ', start), text.size()) - start;
    const bool first = column == indent;
    const bool fits = first || column + 1 + length <= kWidth;
    if (!first) out += fits ? std::string(1, ' ') : new_line;
    column = (fits ? column + (first ? 0 : 1) : indent) + length;
    out.append(text, start, length);
    start += length + 1;
  }
  return out;
}

/// " [0 to 1; default 0.1]".
std::string limits_and_default(const Option& option) {
  if (option.kind() == Option::Kind::kSwitch && option.default_value() == OptionValue(false)) return "";
  std::vector<std::string> parts;
  if (!option.limits().empty()) parts.push_back(option.limits());
  if (option.default_value() != OptionValue()) parts.push_back("default " + to_text(option.default_value()));
  return parts.empty() ? "" : fmt::format(" [{}]", fmt::join(parts, "; "));
}

std::string entry(const Option& option) {
  std::string left = "  " + option.spelling();
  if (option.kind() != Option::Kind::kSwitch && !option.is_positional()) left += " " + option.placeholder();
  if (option.kind() == Option::Kind::kList) left += "...";
  const std::string right = wrapped(option.help() + limits_and_default(option), kHelpColumn);
  if (left.size() + 2 <= kHelpColumn) return fmt::format("{:{}}{}", left, kHelpColumn, right);
  return fmt::format("{}\n{:{}}{}", left, "", kHelpColumn, right);
}

}  // namespace

std::string OptionSet::help_text() const {
  std::string text = fmt::format("{}: {}\n\nUsage", program_, purpose_);
  for (const Usage& usage : usage_) {
    fmt::format_to(std::back_inserter(text), "\n  {}\n      {}", usage.command, wrapped(usage.meaning, 6));
  }
  std::string heading;
  for (const Option& option : options_) {
    if (option.section() != heading) fmt::format_to(std::back_inserter(text), "\n\n{}", heading = option.section());
    fmt::format_to(std::back_inserter(text), "\n{}", entry(option));
  }
  for (const char* paragraph : kParagraphs) fmt::format_to(std::back_inserter(text), "\n\n{}", wrapped(paragraph, 0));
  return text;
}

}  // namespace canine
