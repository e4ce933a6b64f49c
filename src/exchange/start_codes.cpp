#include "start_codes.hpp"

#include <fmt/format.h>

#include "companions.hpp"

namespace canine {
namespace {

/// What files say of a formatter, which may be a part of it.
struct KnownCodes {
  std::optional<FormatterKind> kind;
  std::optional<int64_t> block_size;
  std::optional<bool> use_within_block_sep;
};

KnownCodes known_codes(const ModelContent& content) {
  if (content.card) {
    const FormatterOptions& formatter = content.card->formatter;
    return {formatter.kind, formatter.block_size, formatter.use_within_block_sep};
  }
  const RunArguments run = read_run_arguments(content.path.parent_path()).value_or(RunArguments());
  return {run.formatter, run.block_size, run.use_within_block_sep};
}

template <typename Value>
std::string difference_text(const char* flag, const Value& model, const Value& run) {
  return fmt::format("{0} {1} and this run has {0} {2}", flag, model, run);
}

}  // namespace

std::optional<std::string> codes_difference(const ModelContent& content, const FormatterOptions& run) {
  const KnownCodes known = known_codes(content);
  if (known.kind && *known.kind != run.kind) {
    return difference_text("--formatter", name_of(*known.kind), name_of(run.kind));
  }
  if (run.kind != FormatterKind::kGeneral) return std::nullopt;  // whose blocks are its own
  if (known.block_size && *known.block_size != run.block_size) {
    return difference_text("--block-size", *known.block_size, run.block_size);
  }
  if (known.use_within_block_sep && *known.use_within_block_sep != run.use_within_block_sep) {
    return *known.use_within_block_sep ? "--use-within-block-sep and this run has not"
                                       : "no --use-within-block-sep and this run has it";
  }
  return std::nullopt;
}

std::optional<std::vector<int64_t>> matching_classes(const LabelKey& model, const LabelKey& run) {
  if (model.size() != run.size()) return std::nullopt;
  std::optional<int64_t> missing_cells;
  for (int64_t index = 0; index < model.size(); ++index) {
    if (!model.code(index)) missing_cells = index;
  }
  std::vector<int64_t> classes;
  for (int64_t index = 0; index < run.size(); ++index) {
    const auto& code = run.code(index);
    const int64_t found = code ? model.find(*code) : missing_cells.value_or(-1);
    if (found < 0) return std::nullopt;
    classes.push_back(found);
  }
  return classes;
}

}  // namespace canine
