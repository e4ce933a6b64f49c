#include "canine/exchange/model_card.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/json_depth.hpp"
#include "canine/model/encoder_config.hpp"
#include "names.hpp"

namespace canine {
namespace {

using Json = nlohmann::json;  // objects with sorted keys

constexpr int64_t kMostColumns = 127;  // blocks of one token that fit the decoder's positions
constexpr int64_t kMostLength = int64_t{1} << 20;
constexpr size_t kMostLanguages = 500;
constexpr int64_t kMostRows = int64_t{1} << 60;

/// Entries of one object of a card, with messages that name them.
class Entries {
 public:
  Entries(const Json& object, std::string source) : object_(object), source_(std::move(source)) {
    if (!object.is_object()) throw CheckpointError("{}: expected a JSON object that describes a model", source_);
  }

  const Json& at(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) throw CheckpointError("{}: the entry \"{}\" is missing", source_, name);
    return *found;
  }

  bool has(const char* name) const { return object_.contains(name); }

  int64_t integer(const char* name, int64_t least, int64_t most) const {
    const Json& value = at(name);
    if (!value.is_number_integer() || value > most || value < least) {
      throw CheckpointError("{}: \"{}\" must be a whole number from {} to {}, not {}", source_, name, least, most,
                            shown(value));
    }
    return value.get<int64_t>();
  }

  bool truth(const char* name) const {
    const Json& value = at(name);
    if (!value.is_boolean()) {
      throw CheckpointError("{}: \"{}\" must be true or false, not {}", source_, name, shown(value));
    }
    return value.get<bool>();
  }

  template <typename Value, size_t kNum>
  Value word(const char* name, const Word<Value> (&words)[kNum]) const {
    const Json& value = at(name);
    if (value.is_string()) {
      if (const auto known = value_of(words, value.get_ref<const std::string&>())) return *known;
    }
    throw CheckpointError("{}: \"{}\" must be one of {}, not {}", source_, name, all_words(words), shown(value));
  }

  std::vector<std::string> texts(const char* name) const {
    const Json& value = at(name);
    std::vector<std::string> texts;
    for (const Json& item : value) {
      if (value.is_array() && item.is_string()) texts.push_back(item.get<std::string>());
    }
    if (!value.is_array() || texts.size() != value.size()) {
      throw CheckpointError("{}: \"{}\" must be a list of texts", source_, name);
    }
    return texts;
  }

 private:
  static std::string shown(const Json& value) {
    constexpr size_t kMost = 60;
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    return text.size() > kMost ? text.substr(0, kMost) + "..." : text;
  }

  const Json& object_;
  std::string source_;
};

TextCleaning read_cleaning(const Entries& entries, const std::string& source) {
  const std::vector<std::string> words = entries.texts("clean_text");
  if (const auto cleaning = TextCleaning::from_words(words)) return *cleaning;
  throw CheckpointError("{}: \"clean_text\" must be {}, not {}; was it written by a newer version?", source,
                        TextCleaning::expected_words(),
                        Json(words).dump(-1, ' ', true, Json::error_handler_t::replace));
}

std::vector<LanguageRows> read_languages(const Json& value, const std::string& source) {
  const std::string where = source + ": languages";
  if (!value.is_array()) throw CheckpointError("{}: expected a list of [language, rows]", where);
  std::vector<LanguageRows> languages;
  for (const Json& item : value) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_number_integer() || item[1] < 0 ||
        item[1] > kMostRows) {
      throw CheckpointError("{}: expected a list of [language, rows]", where);
    }
    languages.push_back({item[0].get<std::string>(), item[1].get<int64_t>()});
  }
  return languages;
}

FormatterOptions read_formatter(const Json& value, const std::string& source) {
  const Entries entries(value, source + ": formatter");
  FormatterOptions options;
  options.kind = entries.word("kind", kFormatterWords);
  options.num_columns = entries.integer("num_columns", 1, kMostColumns);
  options.block_size = entries.integer("block_size", 1, kMostColumns);
  options.use_within_block_sep = entries.truth("use_within_block_sep");
  return options;
}

EncoderOptions read_encoder(const Json& value, const std::string& source) {
  try {
    return parse_encoder_config(value.dump(-1, ' ', true, Json::error_handler_t::replace), source + ": encoder");
  } catch (const UsageError& error) {
    throw CheckpointError("{}", error.what());
  }
}

}  // namespace

void ModelCard::set_languages(std::vector<LanguageRows> seen) {
  languages = std::move(seen);
  more_languages = static_cast<int64_t>(languages.size() - std::min(languages.size(), kMostLanguages));
  languages.resize(std::min(languages.size(), kMostLanguages));
}

std::string ModelCard::to_json() const {
  Json card;
  card["type"] = word_of(kTypeWords, type);
  card["encoder"] = Json::parse(encoder_config_json(encoder));
  card["formatter"] = {{"kind", name_of(formatter.kind)},
                       {"num_columns", formatter.num_columns},
                       {"block_size", formatter.block_size},
                       {"use_within_block_sep", formatter.use_within_block_sep}};
  card["target_cols"] = target_cols;
  card["max_len"] = max_len;
  card["padding"] = word_of(kPaddingWords, padding);
  card["clean_text"] = cleaning.words();
  if (!languages.empty()) {
    Json& list = card["languages"] = Json::array();
    for (const LanguageRows& each : languages) list.push_back(Json::array({each.language, each.rows}));
    card["more_languages"] = more_languages;
  }
  return card.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

ModelCard ModelCard::parse(std::string_view json, const std::string& source) {
  refuse_deep_json<CheckpointError>(json, source);
  const Json value = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  const Entries entries(value, source);
  ModelCard card;
  card.type = entries.word("type", kTypeWords);
  card.encoder = read_encoder(entries.at("encoder"), source);
  card.formatter = read_formatter(entries.at("formatter"), source);
  card.target_cols = entries.texts("target_cols");
  card.max_len = entries.integer("max_len", 4, kMostLength);
  card.padding = entries.word("padding", kPaddingWords);
  if (entries.has("clean_text")) card.cleaning = read_cleaning(entries, source);
  if (entries.has("languages")) card.languages = read_languages(entries.at("languages"), source);
  if (entries.has("more_languages")) card.more_languages = entries.integer("more_languages", 0, kMostRows);
  return card;
}

}  // namespace canine
