// The parts of OptionSet that read and write YAML.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "canine/app/flag_hints.hpp"
#include "canine/app/option_set.hpp"
#include "canine/app/require_file.hpp"
#include "canine/app/yaml_text.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/stand_in.hpp"

namespace canine {
namespace {

constexpr uint64_t kMostBytes = 1 << 20;

std::string place(const std::filesystem::path& path, const YAML::Mark& mark) {
  return mark.line < 0 ? path.string() : fmt::format("{}, line {}", path.string(), mark.line + 1);
}

YAML::Node load_mapping(const std::filesystem::path& path) {
  require_file("config", path);
  if (const std::string why = stand_in(path); !why.empty()) throw UsageError("--config {}: {}", path.string(), why);
  const std::string text = read_file(path, kMostBytes);
  try {
    YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return YAML::Node(YAML::NodeType::Map);
    if (!root.IsMap()) throw UsageError("{}: expected lines of the form 'batch_size: 64'", path.string());
    return root;
  } catch (const YAML::Exception& error) {
    throw UsageError("{}: not readable as YAML: {}", place(path, error.mark), error.msg);
  }
}

/// Scalars of a value: one for a scalar, all for a sequence. Empty for null.
std::vector<std::string> texts_of(const YAML::Node& value, const std::string& where) {
  if (value.IsNull()) return {};
  if (value.IsScalar()) return {value.Scalar()};
  std::vector<std::string> texts;
  for (const YAML::Node& item : value) {
    if (!value.IsSequence() || !item.IsScalar()) throw UsageError("{}: expected a value or a list of values", where);
    texts.push_back(item.Scalar());
  }
  if (texts.empty()) throw UsageError("{}: expected a value, got an empty list or mapping", where);
  return texts;
}

std::string block_entry(const std::string& key, const OptionValue& value) {
  const auto* texts = std::get_if<std::vector<std::string>>(&value);
  if (texts == nullptr) return fmt::format("{}: {}\n", key, to_text(value));
  std::string lines = key + ":\n";
  for (const std::string& text : *texts) lines += "- " + yaml_text(text) + "\n";
  return lines;
}

}  // namespace

void OptionSet::read_config(const std::filesystem::path& path, const std::filesystem::path& base) {
  std::set<std::string> seen;
  std::vector<std::string> passed_over;
  for (const auto& entry : load_mapping(path)) {
    const std::string where = place(path, entry.first.Mark());
    if (!entry.first.IsScalar()) throw UsageError("{}: expected a key such as 'batch_size'", where);
    std::string key = entry.first.Scalar();
    std::replace(key.begin(), key.end(), '-', '_');
    if (!seen.insert(key).second) throw UsageError("{}: the key '{}' stands there twice", where, key);
    if (foreign_keys_.contains(key)) {
      passed_over.push_back(key);
      continue;
    }
    const auto option = std::find_if(options_.begin(), options_.end(), [&](const Option& candidate) {
      return candidate.key() == key && !candidate.is_command_line_only();
    });
    if (option == options_.end()) {
      throw UsageError("{}: unknown key '{}'{}", where, key, flag_hint(key, options_, Spelling::kKey));
    }
    const std::string where_key = fmt::format("{}: {}", where, key);
    std::vector<std::string> texts = texts_of(entry.second, where_key);
    if (texts.empty()) continue;
    if (option->is_path()) texts[0] = (base / texts[0]).string();  // an absolute path stays
    option->set(texts, where_key, Origin::kConfigFile, "config " + path.string());
  }
  if (!passed_over.empty()) {
    log_note("{}: passed over, because {} has no such option: {}", path.string(), program_,
             fmt::join(passed_over, ", "));
  }
}

std::string OptionSet::args_yaml(const std::map<std::string, OptionValue>& used) const {
  std::map<std::string, OptionValue> values = used;
  for (const Option& option : options_) {
    if (!option.is_command_line_only()) values.emplace(option.key(), option.value());
  }
  std::string text;
  for (const auto& [key, value] : values) text += block_entry(key, value);
  return text;
}

std::string OptionSet::config_text() const {
  struct Line {
    std::string heading;
    std::string entry;
    std::string origin;
  };
  std::vector<Line> lines;
  size_t width = 0;
  for (const Option& option : options_) {
    if (option.is_command_line_only()) continue;
    lines.push_back({option.section(), option.key() + ": " + to_text(option.value()), option.origin_text()});
    width = std::max(width, lines.back().entry.size());
  }
  std::string text = fmt::format("# {}: all values and where they come from", program_);
  std::string heading;
  for (const Line& line : lines) {
    if (line.heading != heading) fmt::format_to(std::back_inserter(text), "\n\n# {}", heading = line.heading);
    fmt::format_to(std::back_inserter(text), "\n{:<{}}  # {}", line.entry, width, line.origin);
  }
  return text;
}

}  // namespace canine
