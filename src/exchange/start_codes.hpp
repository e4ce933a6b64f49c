#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "canine/data/key.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// What is different between how a model's codes are written, as far as its files say it (its card, or args.yaml beside
/// it), and how those of a run are: "--block-size 4 and this run has --block-size 5". Tensors of both may have the same
/// shapes. nullopt if nothing is known to differ; the number of columns may.
std::optional<std::string> codes_difference(const ModelContent& content, const FormatterOptions& run);

/// For each class of `run` the class of `model` that stands for the same code; nullopt unless both have the same codes.
std::optional<std::vector<int64_t>> matching_classes(const LabelKey& model, const LabelKey& run);

}  // namespace canine
