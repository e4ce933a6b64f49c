#include "canine/app/text_setup.hpp"

#include <fmt/format.h>

#include "canine/core/log.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/cut_texts.hpp"
#include "canine/exchange/model_languages.hpp"
#include "canine/exchange/run_card.hpp"

namespace canine {
namespace {

TextCleaning cleaning_of_start(const std::vector<std::string>& words, const StartWeights& start) {
  const std::string source = start.source();
  const TextCleaning wanted = words.empty() ? TextCleaning() : TextCleaning::from_flag(words);
  if (!start.card()) {
    if (words.empty() && start.holds_model()) {
      log_note(
          "{}: the file does not say how its texts were treated; this run takes --clean-text {}. The published models "
          "were trained on texts like those of --clean-text {}",
          source, wanted.text(), TextCleaning::published().text());
    }
    return wanted;
  }
  const TextCleaning stored = start.card()->cleaning;
  if (stored == wanted) return wanted;
  if (words.empty()) {
    log_note("--clean-text is not given: {} is taken, as in the training of {}", stored.text(), source);
    return stored;
  }
  log_note("--clean-text {}: {} was trained with --clean-text {}, so it has to learn texts that it has not seen",
           wanted.text(), source, stored.text());
  return wanted;
}

}  // namespace

TextCleaning choose_cleaning(const std::vector<std::string>& words, const std::filesystem::path& own,
                             const StartWeights* start) {
  if (start != nullptr) return cleaning_of_start(words, *start);
  if (!words.empty()) return TextCleaning::from_flag(words);
  if (own.empty()) return {};
  const std::optional<ModelCard> card = read_run_card(own);
  if (!card) return {};
  if (card->cleaning != TextCleaning()) {
    log_note("--clean-text is not given: {} is taken, as before in {}", card->cleaning.text(), own.string());
  }
  return card->cleaning;
}

void mend_languages(TrainingData& data, const StartWeights* start) {
  const auto tell = [](const std::optional<std::string>& note) {
    if (note) log_note("{}", *note);
  };
  const std::string where = fmt::format("column {} of the ", kLanguageColumn);
  tell(data.train->mend_languages(KnownLanguages::of_training(data.train->languages()), where + "training rows"));
  const std::vector<LanguageRows> seen = data.train->languages();
  if (start != nullptr && start->card()) {
    LanguageTally tally(known_languages(*start->card()));
    for (const LanguageRows& each : seen) tally.add(each.language, each.rows);
    tell(tally.note(fmt::format("{}training rows, for {}", where, start->source())));
  } else {
    tell(note_of_other_words(seen));
  }
  tell(data.val->mend_languages(KnownLanguages(seen), where + "validation rows"));
}

void warn_of_cut_texts(const TrainingData& data, const TextCleaning& cleaning, int64_t max_len, int64_t most,
                       int num_threads) {
  const auto warn = [&](const Dataset& rows, TextUse use, const char* what) {
    const CutTexts found = find_cut_texts(rows, cleaning, use, max_len, num_threads);
    if (const auto warning = found.warning(what, max_len, most)) log_warning("{}", *warning);
  };
  warn(*data.train, TextUse::kTraining, "training texts");
  warn(*data.val, TextUse::kPrediction, "validation texts");
}

}  // namespace canine
