#include "canine/data/code_system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/table/table.hpp"
#include "canine/text/hisco_codes.hpp"
#include "canine/text/hisco_formatter.hpp"
#include "canine/text/occ1950_formatter.hpp"

namespace canine {
namespace {

void require_columns(const std::vector<std::string>& columns, FormatterKind kind, int64_t num_blocks) {
  if (columns.empty()) throw UsageError("--target-cols: no label columns were given");
  if (static_cast<int64_t>(columns.size()) > num_blocks) {
    throw UsageError("expected at most {} label columns for the formatter {}, got {}", num_blocks, name_of(kind),
                     columns.size());
  }
  for (auto name = columns.begin(); name != columns.end(); ++name) {
    if (std::find(columns.begin(), name, *name) != name) throw UsageError("the label column {} is named twice", *name);
  }
}

/// Codes of all classes.
std::shared_ptr<const LabelKey> classes_of(const CodeSystem::Options& options) {
  auto classes = std::make_shared<LabelKey>();
  switch (options.formatter.kind) {
    case FormatterKind::kGeneral:
      if (!options.key) throw UsageError("the formatter gpf needs the key of its codes (key.csv)");
      return options.key;
    case FormatterKind::kHisco:
      for (int64_t index = 0; index < kNumHiscoCodes; ++index) classes->add(hisco_code(index));
      break;
    case FormatterKind::kOcc1950:
      for (int64_t index = 0; index < 1000; ++index) classes->add(fmt::format("{:03}", index));
      break;
  }
  if (options.key) throw InternalError("the formatter {} has no use for a key", name_of(options.formatter.kind));
  return classes;
}

}  // namespace

CodeSystem::CodeSystem(const Options& options, std::shared_ptr<const Formatter> formatter)
    : options_(options), formatter_(formatter ? std::move(formatter) : make_formatter(options.formatter)) {
  const FormatterKind kind = options_.formatter.kind;
  if (options_.target_cols.empty()) options_.target_cols = usual_columns(kind);
  require_columns(options_.target_cols, kind, formatter_->layout().num_blocks);
  classes_ = classes_of(options_);
}

bool CodeSystem::is_missing(std::string_view cell) const {
  if (is_missing_text(cell)) return true;
  return options_.formatter.kind == FormatterKind::kOcc1950 && Occ1950Formatter::is_missing(cell);
}

int64_t CodeSystem::class_of_cell(std::string_view cell) const {
  switch (options_.formatter.kind) {
    case FormatterKind::kHisco:
      return HiscoFormatter::class_of_cell(cell);
    case FormatterKind::kOcc1950:
      return Occ1950Formatter::class_of_cell(cell);
    case FormatterKind::kGeneral:
      break;
  }
  return options_.key->find(cell);
}

std::optional<std::string> CodeSystem::code(int64_t index) const {
  if (index < 0 || index >= num_classes()) {
    throw InternalError("expected a class from 0 to {}, got {}", num_classes() - 1, index);
  }
  return classes_->code(index);
}

std::optional<std::string> CodeSystem::cell(int64_t index) const {
  std::optional<std::string> text = code(index);
  if (options_.formatter.kind == FormatterKind::kHisco) text = std::to_string(index);
  return text;
}

std::vector<std::string> CodeSystem::usual_columns(FormatterKind kind) {
  switch (kind) {
    case FormatterKind::kHisco:
      return {"code1", "code2", "code3", "code4", "code5"};
    case FormatterKind::kOcc1950:
      return {"OCC1950_1", "OCC1950_2"};
    case FormatterKind::kGeneral:
      break;
  }
  return {};
}

}  // namespace canine
