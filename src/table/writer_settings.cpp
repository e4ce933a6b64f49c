#include "canine/table/writer_settings.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace canine {
namespace {

constexpr char kBetween = '\t';

/// A line break, a tab and a backslash become two characters.
void append_escaped(std::string& out, std::string_view text) {
  for (const char byte : text) {
    switch (byte) {
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        out += byte;
    }
  }
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    if (!escape) {
      out += text[i];
      continue;
    }
    const char code = text[++i];
    out += code == 'n' ? '\n' : code == 't' ? '\t' : code;
  }
  return out;
}

/// A value for people.
std::string shown(const std::string* value) {
  if (value == nullptr) return "not known";
  std::string text;
  append_escaped(text, *value);
  return text.empty() ? "nothing" : text;
}

const std::string* find(const WriterSettings& settings, const std::string& name) {
  const auto found = std::ranges::find(settings, name, &WriterSettings::value_type::first);
  return found == settings.end() ? nullptr : &found->second;
}

}  // namespace

std::string settings_text(const WriterSettings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    if (!text.empty()) text += kBetween;
    append_escaped(text, name);
    text += '=';
    append_escaped(text, value);
  }
  return text;
}

WriterSettings parse_settings(std::string_view text) {
  WriterSettings settings;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(kBetween));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const size_t equal = entry.find('=');
    if (equal == std::string_view::npos) {
      settings.emplace_back("", unescaped(entry));
    } else {
      settings.emplace_back(unescaped(entry.substr(0, equal)), unescaped(entry.substr(equal + 1)));
    }
  }
  return settings;
}

std::vector<std::string> differences(const WriterSettings& then, const WriterSettings& now) {
  std::vector<std::string> lines;
  const auto compare = [&lines](const std::string& name, const std::string* was, const std::string* is) {
    if (was != nullptr && is != nullptr && *was == *is) return;
    lines.push_back(fmt::format("{}: then {}, now {}", name.empty() ? "settings" : name, shown(was), shown(is)));
  };
  for (const auto& [name, value] : then) compare(name, &value, find(now, name));
  for (const auto& [name, value] : now) {
    if (find(then, name) == nullptr) compare(name, nullptr, &value);
  }
  return lines;
}

}  // namespace canine
