#pragma once

#include <memory>
#include <string_view>

#include "canine/text/formatter.hpp"

namespace canine {

/// Kinds of label formatters, by the words of the Python program's --formatter.
enum class FormatterKind {
  kGeneral,  ///< "gpf": codes of any system (general_formatter.hpp)
  kHisco,    ///< "hisco": five blocks of five digits (hisco_formatter.hpp)
  kOcc1950,  ///< "occ1950": two blocks of three digits (occ1950_formatter.hpp)
};

/// What a formatter is made of; with the key of its codes that is a classification (data/code_system.hpp).
struct FormatterOptions {
  FormatterKind kind = FormatterKind::kGeneral;
  int64_t num_columns = 1;            ///< codes per row; kGeneral only, the others have 5 and 2
  int64_t block_size = 5;             ///< tokens per code; kGeneral only, the others have 5 and 3
  bool use_within_block_sep = false;  ///< codes are lists like 1,22,333; kGeneral only

  bool operator==(const FormatterOptions&) const = default;
};

/// Throws UsageError for sizes below 1.
std::shared_ptr<const Formatter> make_formatter(const FormatterOptions& options);

/// "gpf", "hisco", "occ1950".
std::string_view name_of(FormatterKind kind);

}  // namespace canine
