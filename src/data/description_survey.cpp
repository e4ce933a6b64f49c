#include "canine/data/description_survey.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/table.hpp"
#include "canine/text/readable_text.hpp"
#include "canine/text/text_content.hpp"
#include "canine/text/text_damage.hpp"

namespace canine {
namespace {

constexpr int64_t kMostSampled = 1000;
constexpr size_t kMostExamples = 3;
constexpr std::string_view kSeparators = ";\t|";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "1 description has", "2 descriptions have".
std::string descriptions_have(int64_t count) { return counted(count, "description") + (count == 1 ? " has" : " have"); }

}  // namespace

DescriptionSurvey::Kind DescriptionSurvey::kind_of(std::string_view text) {
  constexpr std::string_view kSigns = " +-.,:/%";
  constexpr std::string_view kLetters = "eETZ";  // of exponents, and of times by ISO 8601
  if (text == "True" || text == "False" || text == "true" || text == "false") return Kind::kTruth;
  int64_t digits = 0;
  int64_t slashes = 0;
  int64_t hyphens = 0;
  int64_t points = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    digits += is_digit(c);
    slashes += c == '/';
    hyphens += c == '-';
    points += c == '.';
    const bool within_number = kLetters.find(c) != std::string_view::npos && i > 0 && is_digit(text[i - 1]);
    if (!is_digit(c) && kSigns.find(c) == std::string_view::npos && !within_number) return Kind::kText;
  }
  if (digits == 0) return Kind::kText;
  const bool is_date = digits >= 4 && (slashes == 2 || hyphens == 2 || (points == 2 && hyphens == 0));
  return is_date ? Kind::kDate : Kind::kNumber;
}

void DescriptionSurvey::add(std::string_view text, bool missing) {
  ++rows_;
  const TextContent content = missing || is_missing_text(text) ? TextContent::kNothing : content_of(text);
  if (content == TextContent::kNothing) {
    ++empty_;
    return;
  }
  if (content == TextContent::kNoLetter) {
    ++letterless_;
    const bool known = std::ranges::find(signs_, text) != signs_.end();
    if (!known && signs_.size() < kMostExamples && text.size() < 20) signs_.emplace_back(text);
  }
  if (const TextDamage damage = damage_of(text); damage != TextDamage::kNone) {
    Damaged& damaged = damage == TextDamage::kLost ? lost_ : misread_;
    if (damaged.count++ == 0) damaged.first = text;
  }
  if (sampled_ < kMostSampled) sample(text);
}

void DescriptionSurvey::sample(std::string_view text) {
  ++sampled_;
  for (size_t i = 0; i < kSeparators.size(); ++i) separated_[i] += text.find(kSeparators[i]) != std::string_view::npos;
  const auto kind = static_cast<size_t>(kind_of(text));
  if (kinds_[kind]++ == 0) firsts_[kind] = text;
}

void DescriptionSurvey::tell_damage(std::string_view column) const {
  if (lost_.count > 0) {
    log_warning(
        "{}: {} the sign U+FFFD where a letter was (such as '{}'): it was lost when the text was saved in another "
        "encoding. Make the file again from where it came from, in UTF-8",
        column, descriptions_have(lost_.count), readable_text(lost_.first));
  }
  if (misread_.count > 0) {
    log_warning(
        "{}: {} letters that seem to be UTF-8 read in another encoding (such as '{}'). Make the file again from where "
        "it came from; if all of it is so, 'iconv -f UTF-8 -t WINDOWS-1252 OLD > NEW' may mend it",
        column, descriptions_have(misread_.count), readable_text(misread_.first));
  }
  for (size_t i = 0; i < kSeparators.size(); ++i) {
    if (!is_nearly_all(separated_[i])) continue;
    log_warning("{}: {} of the first {} {} a {}; is it the separator of several columns? {}", column,
                format_count(separated_[i]), counted(sampled_, "description"), separated_[i] == 1 ? "holds" : "hold",
                kSeparators[i] == '\t' ? "tab" : fmt::format("'{}'", kSeparators[i]),
                "Then write the file with commas, each column with a name");
  }
}

void DescriptionSurvey::tell(std::string_view column) const {
  tell_damage(column);
  static constexpr std::array<std::string_view, kNumKinds> kNames = {"texts", "numbers", "dates", "True or False"};
  for (size_t kind = 1; kind < kNumKinds; ++kind) {
    if (!is_nearly_all(kinds_[kind])) continue;
    log_note("{}: {} of the first {} are {} (such as '{}'); is this the column of the descriptions?", column,
             format_count(kinds_[kind]), counted(sampled_, "description"), kNames[kind], firsts_[kind]);
  }
  if (letterless_ > 0) {
    log_note(
        "{}: {} no letter and no digit{}; such descriptions get codes all the same, unless --clean-text leaves nothing "
        "of them",
        column, descriptions_have(letterless_),
        signs_.empty() ? "" : fmt::format(" (such as '{}')", fmt::join(signs_, "', '")));
  }
}

}  // namespace canine
