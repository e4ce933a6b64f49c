#include "canine/table/column_hints.hpp"

#include <fmt/format.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <optional>

#include "canine/core/utf8.hpp"

namespace canine {
namespace {

std::string escape_of(char32_t code_point) {
  if (code_point == '\t') return "\\t";
  if (code_point == '\n') return "\\n";
  if (code_point == '\r') return "\\r";
  const auto number = static_cast<uint32_t>(code_point);
  return number <= 0xFFFF ? fmt::format("\\u{:04X}", number) : fmt::format("\\U{:08X}", number);
}

bool is_invisible(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return u_iscntrl(c) || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
         (code_point != ' ' && u_isUWhiteSpace(c));
}

/// The name with every character escaped of which `is_hidden` says so.
template <typename IsHidden>
std::string escaped(std::string_view name, const IsHidden& is_hidden) {
  std::string text;
  for (size_t i = 0; i < name.size();) {
    const char32_t code_point = next_code_point(name, i);
    if (is_hidden(code_point)) {
      text += escape_of(code_point);
    } else {
      append_code_point(text, code_point);
    }
  }
  return text;
}

/// As a shell takes it: 'name', or $'...' where there is something to escape. All but ASCII is escaped.
std::string in_shell_quotes(std::string_view name) {
  const auto is_special = [](char32_t c) { return c < ' ' || c > '~'; };
  const std::string text = escaped(name, is_special);
  if (text == name) return fmt::format("'{}'", text);
  std::string quoted = "$'";
  for (const char c : text) quoted += c == '\'' ? std::string("\\'") : std::string(1, c);
  return quoted + "'";
}

/// What is left of a name without all that is hard to see: case, blanks, the form of accents, invisible characters.
icu::UnicodeString visible_form(std::string_view name) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const folding = icu::Normalizer2::getNFKCCasefoldInstance(status);
  const auto text = icu::UnicodeString::fromUTF8(icu::StringPiece(name.data(), static_cast<int32_t>(name.size())));
  const icu::UnicodeString folded = U_SUCCESS(status) ? folding->normalize(text, status) : text;
  icu::UnicodeString left;
  for (int32_t i = 0; i < folded.length(); i = folded.moveIndex32(i, 1)) {
    const UChar32 c = folded.char32At(i);
    if (!u_isUWhiteSpace(c) && !u_iscntrl(c)) left.append(c);
  }
  return left;
}

std::string lookalike_hint(const std::vector<std::string>& present, const std::vector<std::string>& absent) {
  std::string hint;
  for (const std::string& name : absent) {
    const icu::UnicodeString form = visible_form(name);
    const auto alike =
        std::ranges::find_if(present, [&](const std::string& other) { return visible_form(other) == form; });
    if (alike == present.end()) continue;
    hint += fmt::format(
        ". {} and {} differ only in blanks, case, the form of accents or invisible characters; the file has the second",
        in_shell_quotes(name), in_shell_quotes(*alike));
  }
  return hint;
}

/// "lang" of ".../lang=da/part.parquet", and the folder in front of all such parts.
struct Partition {
  std::filesystem::path root;
  std::vector<std::string> columns;
};

Partition partition_of(const std::filesystem::path& path) {
  Partition partition;
  for (const std::filesystem::path& part : path.parent_path()) {
    const std::string name = part.string();
    const size_t equals = name.find('=');
    if (equals != std::string::npos && equals > 0) {
      partition.columns.push_back(name.substr(0, equals));
    } else if (partition.columns.empty()) {
      partition.root /= part;
    }
  }
  return partition;
}

std::string partition_hint(const std::filesystem::path& path, const std::vector<std::string>& absent) {
  const Partition partition = partition_of(path);
  for (const std::string& name : absent) {
    if (std::ranges::find(partition.columns, name) == partition.columns.end()) continue;
    return fmt::format(
        ". The file is part of a partitioned data set, whose column '{}' is in the names of its folders only: write it "
        "as one file: python3 -c \"import pandas; pandas.read_parquet('{}').to_parquet('NEW.parquet')\"",
        name, partition.root.empty() ? "." : partition.root.string());
  }
  return "";
}

}  // namespace

std::string list_of_names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 40;
  constexpr size_t kLongest = 120;  // characters of a name: a whole file may have been taken for one
  const auto shown = [](const std::string& name) {
    size_t end = 0;
    for (size_t count = 0; end < name.size() && count < kLongest; ++count) next_code_point(name, end);
    return escaped(std::string_view(name).substr(0, end), is_invisible) + (end < name.size() ? "..." : "");
  };
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    list += (i == 0 ? "'" : ", '") + shown(names[i]) + "'";
  }
  if (names.size() > kShown) list += fmt::format(" and {} more", names.size() - kShown);
  return list;
}

std::string absent_column_hint(const std::filesystem::path& path, const std::vector<std::string>& present,
                               const std::vector<std::string>& absent) {
  if (std::string hint = lookalike_hint(present, absent); !hint.empty()) return hint;
  if (std::string hint = partition_hint(path, absent); !hint.empty()) return hint;
  if (const std::string hint = separator_hint(path, present); !hint.empty()) return ". " + hint;
  return missing_header_hint(present);
}

std::string missing_header_hint(const std::vector<std::string>& names) {
  // Columns are hardly ever called by a number, rows often hold one.
  const auto is_number = [](const std::string& name) {
    return !name.empty() && name.find_first_not_of("0123456789.") == std::string::npos;
  };
  if (std::ranges::none_of(names, is_number)) return "";
  return ". Is the first line of the file a row already? A line with the names of the columns is expected in front";
}

}  // namespace canine
