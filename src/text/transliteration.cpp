#include "canine/text/transliteration.hpp"

#include <fmt/format.h>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/translit.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"
#include "transliteration_exceptions.hpp"

namespace canine {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void check(UErrorCode error, const char* what) {
  if (U_FAILURE(error)) throw InternalError("ICU cannot {}: {}. Is its data installed?", what, u_errorName(error));
}

/// The exceptions as rules for ICU, all characters escaped: "\u00B0>\u0064\u0065\u0067;" for a degree sign.
std::string exception_rules() {
  std::string rules;
  for (const auto& [character, ascii] : kTransliterationExceptions) {
    fmt::format_to(std::back_inserter(rules), "\\u{:04X}>", static_cast<uint32_t>(character));
    for (const char c : ascii) fmt::format_to(std::back_inserter(rules), "\\u{:04X}", static_cast<int>(c));
    rules += ';';
  }
  return rules;
}

std::unique_ptr<icu::Transliterator> make_transliterator() {
  // The exceptions come once more for letters that had accents.
  const std::string exceptions = exception_rules();
  const std::string rules = exceptions + "::NFD;::[:Mn:]Remove;" + exceptions +
                            "::Any-Latin;::Latin-ASCII;::NFKD;::[^\\u0000-\\u007F]Remove;";
  UErrorCode error = U_ZERO_ERROR;
  UParseError place;
  std::unique_ptr<icu::Transliterator> made(icu::Transliterator::createFromRules(
      "canine", icu::UnicodeString::fromUTF8(rules), UTRANS_FORWARD, place, error));
  check(error, "make a transliterator");
  return made;
}

/// ASCII of every character, looked up without a lock. ICU's transliterators may not be shared by threads and take
/// microseconds, so each page of 256 characters is filled by one thread, when its first character occurs.
class AsciiTable {
 public:
  const std::string& operator[](char32_t character) {
    std::atomic<const Page*>& slot = pages_[character / kPageSize];
    const Page* page = slot.load(std::memory_order_acquire);
    if (page == nullptr) page = fill(slot, character / kPageSize * kPageSize);
    return (*page)[character % kPageSize];
  }

 private:
  static constexpr size_t kPageSize = 256;
  using Page = std::array<std::string, kPageSize>;

  const Page* fill(std::atomic<const Page*>& slot, char32_t first) {
    const std::lock_guard lock(mutex_);
    if (const Page* page = slot.load(std::memory_order_relaxed)) return page;  // another thread was faster
    if (transliterator_ == nullptr) transliterator_ = make_transliterator();
    auto page = std::make_unique<Page>();
    for (size_t i = 0; i < kPageSize; ++i) {
      icu::UnicodeString text(static_cast<UChar32>(first + i));
      transliterator_->transliterate(text);
      text.toUTF8String((*page)[i]);
    }
    slot.store(page.get(), std::memory_order_release);
    return page.release();  // kept until the process ends
  }

  std::array<std::atomic<const Page*>, 0x110000 / kPageSize> pages_{};
  std::mutex mutex_;
  std::unique_ptr<icu::Transliterator> transliterator_;
};

AsciiTable& ascii_table() {
  static auto* const table = new AsciiTable;  // never destroyed: threads may outlive main
  return *table;
}

void lower_ascii(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower;
  if (is_ascii(text)) {
    lower = text;
    lower_ascii(lower);
    return lower;
  }
  if (text.size() > INT32_MAX) throw DataError("a text of {} bytes is too long for lower case", text.size());
  icu::StringByteSink<std::string> sink(&lower);
  UErrorCode error = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, nullptr,
                            error);
  check(error, "change a text to lower case");
  return lower;
}

std::string transliterate(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  AsciiTable& table = ascii_table();
  std::string ascii;
  ascii.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ascii += text[i++];
    } else {
      ascii += table[next_code_point(text, i)];
    }
  }
  return ascii;
}

}  // namespace canine
