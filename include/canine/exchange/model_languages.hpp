#pragma once

#include <string>

#include "canine/data/languages.hpp"
#include "canine/exchange/load_model.hpp"

namespace canine {

/// The languages that a model has seen: those of its card, and the published ones for a model without a card. Of a card
/// of an earlier version, which lists none, and of one with TextCleaning::reference every language is taken for known.
KnownLanguages known_languages(const LoadedModel& model);
KnownLanguages known_languages(const ModelCard& card);

/// The language of rows for which nobody names one: the model's own if it has seen one only, in more rows than had
/// none, otherwise "unk"; for a model without a card "en", as in the Python program. A line says what was taken and
/// why. `flag`: the one that names another ("--language").
std::string usual_language(const LoadedModel& model, const std::string& flag);

/// The value of `flag` as the model knows it: blanks and case are passed over, with a note; one about other values.
std::string checked_language(const LoadedModel& model, const std::string& flag, const std::string& value);

}  // namespace canine
