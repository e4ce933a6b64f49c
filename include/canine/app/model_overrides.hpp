#pragma once

#include <vector>

#include "canine/app/option_set.hpp"
#include "canine/app/output_files.hpp"
#include "canine/exchange/load_model.hpp"

namespace canine {

/// Declares the flags that say of a model what its file may leave out: encoder, formatter, columns, key.
void add_description_options(OptionSet& options, ModelOverrides& overrides);

/// The files that they name.
std::vector<NamedFile> description_files(const ModelOverrides& overrides);

/// Before any model is looked for: throws UsageError or DataError unless these files are there and say something, and
/// the flags do not contradict themselves.
void check_description_files(const ModelOverrides& overrides);

/// A note for each flag given that has no meaning with the --formatter given.
void note_flags_of_other_formatters(const OptionSet& options, const ModelOverrides& overrides);

}  // namespace canine
