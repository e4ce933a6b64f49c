#include "canine/app/flag_hints.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

#include "canine/app/evaluate.hpp"
#include "canine/app/finetune.hpp"
#include "canine/app/flag_meanings.hpp"
#include "canine/app/predict.hpp"
#include "canine/app/train_mixer.hpp"

namespace canine {
namespace {

/// The flags of programs without configuration files, whose options are declared where they are read.
const std::pair<std::string_view, std::vector<std::string_view>> kOtherPrograms[] = {
    {"convert",
     {"to", "encoder-only", "overwrite", "encoder-config", "formatter", "target-cols", "block-size",
      "use-within-block-sep", "clean-text", "mapping"}},
    {"inspect", {"json"}},
    {"replay", {"out", "overwrite", "compare", "attention"}},
};

/// Levenshtein distance.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (const char c : a) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (c == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// "num-epochs" of "--Num_Epochs".
std::string normal_form(std::string_view word) {
  while (word.starts_with('-')) word.remove_prefix(1);
  std::string normal(word.substr(0, word.find('=')));
  for (char& c : normal) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return normal;
}

std::string without_hyphens(std::string word) {
  std::erase(word, '-');
  return word;
}

const Option* find_option(const std::deque<Option>& options, std::string_view name) {
  const auto found = std::ranges::find_if(options, [&](const Option& option) { return option.name() == name; });
  return found == options.end() ? nullptr : &*found;
}

std::string spelled(const Option& option, Spelling spelling) {
  return spelling == Spelling::kFlag ? option.spelling() : fmt::format("'{}'", option.key());
}

/// "--encoder (a pretrained encoder) or --initial-checkpoint (...)": what is ours of a meaning and in this program.
std::string ours_of(const FlagMeaning& meaning, const std::deque<Option>& options, Spelling spelling) {
  std::vector<std::string> texts;
  for (const FlagOfOurs& ours : meaning.ours) {
    const Option* option = find_option(options, ours.name);
    if (option == nullptr || (spelling == Spelling::kKey && option->is_command_line_only())) continue;
    std::string text = spelled(*option, spelling);
    if (!ours.value.empty()) text += fmt::format("{}{}", spelling == Spelling::kFlag ? " " : ": ", ours.value);
    if (!ours.remark.empty()) text += fmt::format(" ({})", ours.remark);
    texts.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(texts, " or "));
}

std::string by_meaning(const std::string& word, const std::deque<Option>& options, Spelling spelling) {
  for (const FlagMeaning& meaning : flag_meanings()) {
    if (std::ranges::find(meaning.words, word) == meaning.words.end()) continue;
    const std::string ours = ours_of(meaning, options, spelling);
    if (!ours.empty()) return "; here that is " + ours;
  }
  return "";
}

/// What sister programs have for it, where this one has nothing.
std::string by_meaning_elsewhere(const std::string& word) {
  for (const FlagMeaning& meaning : flag_meanings()) {
    if (std::ranges::find(meaning.words, word) == meaning.words.end()) continue;
    for (const FlagOfOurs& ours : meaning.ours) {
      if (ours.only_here) continue;
      const std::vector<std::string> programs = programs_with(ours.name);
      if (!programs.empty()) {
        return fmt::format("; there is nothing of the kind here, --{} is one of {}", ours.name,
                           fmt::join(programs, ", "));
      }
    }
  }
  return "";
}

/// Options that the word begins, which must be written in full; else the nearest one.
std::string by_spelling(const std::string& word, const std::deque<Option>& options, Spelling spelling) {
  std::vector<std::string> begun;
  std::vector<std::string> names;
  for (const Option& option : options) {
    if (option.is_positional() || (spelling == Spelling::kKey && option.is_command_line_only())) continue;
    names.push_back(option.name());
    if (!word.empty() && option.name().starts_with(word)) begun.push_back(spelled(option, spelling));
  }
  if (!begun.empty()) return fmt::format("; did you mean {}, written in full?", fmt::join(begun, " or "));
  const std::string near = nearest(word, names);
  return near.empty() ? "" : fmt::format("; did you mean {}?", spelled(*find_option(options, near), spelling));
}

template <typename Values>
bool has_option(std::string_view name, OptionSet options, void (*declare)(OptionSet&, Values&)) {
  Values values;
  declare(options, values);
  const Option* option = find_option(options.options(), name);
  return option != nullptr && !option->is_command_line_only();
}

}  // namespace

std::vector<std::string> programs_with(std::string_view option) {
  std::vector<std::string> programs;
  if (has_option(option, finetune_option_set(), declare_finetune_options)) programs.emplace_back("finetune");
  if (has_option(option, train_mixer_option_set(), declare_train_mixer_options)) programs.emplace_back("train_mixer");
  if (has_option(option, evaluate_option_set(), declare_evaluate_options)) programs.emplace_back("evaluate");
  if (has_option(option, predict_option_set(), declare_predict_options)) programs.emplace_back("predict");
  for (const auto& [program, names] : kOtherPrograms) {
    if (std::ranges::find(names, option) != names.end()) programs.emplace_back(program);
  }
  return programs;
}

std::string flag_hint(std::string_view typed, const std::deque<Option>& options, Spelling spelling) {
  const std::string name = normal_form(typed);
  if (const Option* same = find_option(options, name); same != nullptr && !same->is_positional()) {
    return fmt::format("; did you mean {}?", spelled(*same, spelling));  // another number of hyphens, or capitals
  }
  const std::string word = without_hyphens(name);
  std::string hint = by_meaning(word, options, spelling);
  if (!hint.empty()) return hint;
  const std::vector<std::string> programs = programs_with(name);
  if (!programs.empty()) return fmt::format("; it is one of {}", fmt::join(programs, ", "));
  hint = by_meaning_elsewhere(word);
  return hint.empty() ? by_spelling(name, options, spelling) : hint;
}

std::string meant_otherwise(std::string_view abbreviation, const Option& option, const std::deque<Option>& options) {
  const std::string word = without_hyphens(normal_form(abbreviation));
  if (word.size() == 1) return "";  // people write words of one letter behind one hyphen
  for (const FlagMeaning& meaning : flag_meanings()) {
    if (std::ranges::find(meaning.words, word) == meaning.words.end()) continue;
    if (std::ranges::find(meaning.ours, option.name(), &FlagOfOurs::name) != meaning.ours.end()) return "";
  }
  return by_meaning(word, options, Spelling::kFlag);
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kShort = 3;  // letters, of which two others make another word
  const size_t most = word.size() <= kShort ? 1 : std::max<size_t>(2, word.size() / 3);
  std::string best;
  size_t best_distance = most + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace canine
