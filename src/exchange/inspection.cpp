#include "canine/exchange/inspection.hpp"

#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

#include "canine/core/sha256.hpp"
#include "canine/exchange/label_key_text.hpp"
#include "names.hpp"

namespace canine {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownHash = 16;
constexpr double kMostSharing = 4;  // weights that share memory are rare

struct TensorLine {
  std::string name;
  std::string type;
  std::string shape;
  std::string sha256;
};

/// Without control characters, which a terminal would obey.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string hash_of(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.contiguous();
  Sha256 hash;
  hash.update(std::span(static_cast<const std::byte*>(whole.const_data_ptr()), whole.nbytes()));
  return hash.hex_digest();
}

/// False for files in which a few bytes stand for very many numbers: hashing those might never end.
bool can_be_hashed(const NamedTensors& tensors) {
  std::unordered_map<const void*, double> memory;
  double numbers = 0;
  for (const auto& [name, tensor] : tensors) {
    memory[tensor.storage().data()] = static_cast<double>(tensor.storage().nbytes());
    numbers += static_cast<double>(tensor.numel()) * static_cast<double>(tensor.itemsize());
  }
  double bytes = 0;
  for (const auto& [place, size] : memory) bytes += size;
  return numbers <= kMostSharing * bytes;
}

std::vector<TensorLine> tensor_lines(const NamedTensors& tensors) {
  const bool hashed = can_be_hashed(tensors);
  std::vector<TensorLine> lines;
  for (const auto& [name, tensor] : tensors) {
    lines.push_back({name, c10::getDtypeNames(tensor.scalar_type()).first,
                     fmt::format("{}", fmt::join(tensor.sizes(), "x")), hashed ? hash_of(tensor) : ""});
  }
  return lines;
}

std::string type_text(const ModelContent& content) {
  if (content.type) return std::string(word_of(kTypeWords, *content.type));
  return encoder_weights(content.weights).empty() ? "unknown" : "encoder";
}

int64_t num_numbers(const NamedTensors& tensors) {
  double sum = 0;
  for (const auto& [name, tensor] : tensors) sum += static_cast<double>(tensor.numel());
  return static_cast<int64_t>(std::min(sum, 9e18));
}

std::string languages_text(const ModelCard& card) {
  if (card.languages.empty()) return "languages not known";
  constexpr size_t kMost = 20;
  std::vector<std::string> names;
  for (const LanguageRows& each : card.languages) {
    if (names.size() < kMost) names.push_back(fmt::format("{} ({})", each.language, each.rows));
  }
  const auto more = static_cast<int64_t>(card.languages.size() - names.size()) + card.more_languages;
  return fmt::format("languages (rows) {}{}", fmt::join(names, ", "), more > 0 ? fmt::format(", {} more", more) : "");
}

/// What a card says in a few words.
std::string card_text(const ModelCard& card) {
  const FormatterOptions& formatter = card.formatter;
  std::string codes(name_of(formatter.kind));
  if (formatter.kind == FormatterKind::kGeneral) {
    codes += fmt::format(", {} tokens per code{}", formatter.block_size,
                         formatter.use_within_block_sep ? " between commas" : "");
  }
  return fmt::format(
      "{}; columns {}; texts of {} characters, treated by {}, padding {}; {}; encoder of width {}, {} heads", codes,
      fmt::join(card.target_cols, ", "), card.max_len, card.cleaning.text(), word_of(kPaddingWords, card.padding),
      languages_text(card), card.encoder.hidden_size, card.encoder.num_attention_heads);
}

std::string key_text(const LabelKey& key) {
  bool missing = false;
  for (int64_t index = 0; index < key.size(); ++index) missing = missing || !key.code(index);
  return fmt::format("{} classes{}", key.size(), missing ? ", one of missing cells" : "");
}

}  // namespace

std::string inspection_table(const ModelContent& content) {
  std::string text;
  const auto fact = [&](const char* name, const std::string& value) {
    fmt::format_to(std::back_inserter(text), "{:<11}{}\n", name, printable(value));
  };
  fact("File", content.path.string());
  fact("Size", fmt::format("{} bytes", std::filesystem::file_size(content.path)));
  fact("SHA-256", sha256_of_file(content.path));
  fact("Format", content.format);
  fact("Model", type_text(content));
  fact("Step", content.step ? std::to_string(*content.step) : "not stored");
  fact("Optimizer", content.has_optimizer ? "stored" : "not stored");
  fact("Key", content.key ? key_text(*content.key) : "not stored");
  fact("Card", content.card ? card_text(*content.card) : "not stored");
  fact("Tensors", fmt::format("{} with {} numbers", content.weights.size(), num_numbers(content.weights)));

  std::vector<TensorLine> lines = tensor_lines(content.weights);
  lines.insert(lines.begin(), {"Name", "Type", "Shape", "SHA-256"});
  size_t name = 0, type = 0, shape = 0;
  for (TensorLine& line : lines) {
    line.name = printable(line.name);
    name = std::max(name, line.name.size());
    type = std::max(type, line.type.size());
    shape = std::max(shape, line.shape.size());
  }
  for (const TensorLine& line : lines) {
    fmt::format_to(std::back_inserter(text), "\n{:<{}}  {:<{}}  {:<{}}  {}", line.name, name, line.type, type,
                   line.shape, shape, line.sha256.substr(0, kShownHash));
  }
  return text;
}

std::string inspection_json(const ModelContent& content) {
  Json json;
  json["file"] = content.path.string();
  json["bytes"] = std::filesystem::file_size(content.path);
  json["sha256"] = sha256_of_file(content.path);
  json["format"] = content.format;
  json["model"] = type_text(content);
  json["step"] = content.step ? Json(*content.step) : Json();
  json["optimizer"] = content.has_optimizer;
  json["key"] = content.key ? Json::parse(to_json(*content.key)) : Json();
  json["card"] = content.card ? Json::parse(content.card->to_json()) : Json();
  json["numbers"] = num_numbers(content.weights);
  const std::vector<TensorLine> lines = tensor_lines(content.weights);
  Json tensors = Json::array();
  for (size_t i = 0; i < lines.size(); ++i) {
    tensors.push_back({{"name", lines[i].name},
                       {"dtype", lines[i].type},
                       {"shape", content.weights[i].second.sizes().vec()},
                       {"sha256", lines[i].sha256.empty() ? Json() : Json(lines[i].sha256)}});
  }
  json["tensors"] = std::move(tensors);
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace canine
