#include "canine/exchange/model_languages.hpp"

#include <algorithm>

#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/data/columns.hpp"

namespace canine {

KnownLanguages known_languages(const LoadedModel& model) {
  return model.has_card ? known_languages(model.card) : KnownLanguages::published();
}

KnownLanguages known_languages(const ModelCard& card) {
  if (card.languages.empty() || card.cleaning.only_in_training) return KnownLanguages::any();
  return KnownLanguages(card.languages, card.more_languages > 0);
}

std::string usual_language(const LoadedModel& model, const std::string& flag) {
  constexpr const char* kOfPythonProgram = "en";
  const std::string path = model.path.string();
  if (!model.has_card) {
    log_note("{}: the file does not say which languages it has seen; as in the Python program, {} {} is assumed", path,
             flag, kOfPythonProgram);
    return kOfPythonProgram;
  }
  if (model.card.languages.empty()) {
    log_note("{}: the file does not say which languages it has seen; without {} it is told '{}'", path, flag,
             kUnknownLanguage);
    return std::string(kUnknownLanguage);
  }
  std::vector<LanguageRows> named;
  int64_t unknown_rows = 0;
  for (const LanguageRows& each : model.card.languages) {
    if (each.language != kUnknownLanguage) {
      named.push_back(each);
    } else {
      unknown_rows = each.rows;
    }
  }
  if (named.empty()) return std::string(kUnknownLanguage);
  if (named.size() == 1) {
    const auto& [language, rows] = named.front();
    if (unknown_rows == 0) {
      log_note("{} is not given: '{}' is taken, the one language that the model has seen", flag, language);
      return language;
    }
    const bool is_usual = rows > unknown_rows;
    const std::string taken = is_usual ? language : std::string(kUnknownLanguage);
    log_note("{} is not given: '{}' is taken, as the model has seen {} of '{}' and {} without a language", flag, taken,
             counted(rows, "row"), language, format_count(unknown_rows));
    return taken;
  }
  log_note("{} is not given, and the model has seen several languages ({}): it is told '{}'", flag,
           known_languages(model).text(), kUnknownLanguage);
  return std::string(kUnknownLanguage);
}

std::string checked_language(const LoadedModel& model, const std::string& flag, const std::string& value) {
  const KnownLanguages known = known_languages(model);
  if (const auto note = note_of_language(flag, value, known)) log_note("{}", *note);
  return known.meant_by(value).language;
}

}  // namespace canine
