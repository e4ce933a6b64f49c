#pragma once

#include <string>
#include <vector>

#include "canine/app/job.hpp"
#include "canine/app/option_set.hpp"
#include "canine/app/output_files.hpp"
#include "canine/exchange/load_model.hpp"

namespace canine {

/// Which trained model a program uses, and how to read it where its files do not say.
struct ModelSource {
  std::string flag = "model";  ///< name of the option that gives `model`
  std::string model;           ///< run folder, exported folder, file, or Hub name
  ModelOverrides overrides;    ///< of the other flags
};

/// Declares --`source.flag`, --max-len and the flags that say of a model what its file may leave out
/// (app/model_overrides.hpp), in two sections. `source` must outlive `options`.
void add_model_source_options(OptionSet& options, ModelSource& source);

/// Throws UsageError unless what `source` names can be a model: it was given, files named are there, and the model is
/// there or has a name as models on the Hub have them.
void check_model_source(const ModelSource& source);

/// The files that `source` names.
std::vector<NamedFile> input_files(const ModelSource& source);

/// Reads the model (exchange/load_model.hpp); a Hub name that is not in the local cache is downloaded first
/// (app/hub_model.hpp). On the CPU, in evaluation mode. Throws UsageError, CheckpointError, IoError.
LoadedModel load_from(const ModelSource& source);

/// The same in all processes of a job, the first of which downloads.
LoadedModel load_from(const ModelSource& source, Job& job);

}  // namespace canine
