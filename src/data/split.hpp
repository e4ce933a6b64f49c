#pragma once

#include <cstdint>
#include <vector>

#include "canine/data/key.hpp"
#include "canine/data/prepare.hpp"
#include "canine/table/table.hpp"
#include "label_scan.hpp"

namespace canine {

/// Rows of the source table for the two prepared files, in the order in which they are written.
struct Split {
  std::vector<int64_t> train;  ///< file order
  std::vector<int64_t> val;    ///< order of the draw
};

/// Draws trunc(rows * share) rows for validation as pandas' sample(n, random_state=42) does; the others are for
/// training.
Split split_rows(std::vector<int64_t> rows, double share_val);

/// Warns of what is usually a mistake in the data but is kept as it is, for equality with the Python program: the same
/// description in both sets, codes that are in the validation rows only, '&' inside a code, codes behind an empty
/// column, rows without a description or language.
void warn_about_oddities(const Table& table, const PrepareOptions& options, const LabelColumns& labels,
                         const LabelScan& scan, const Split& split, const LabelKey& key);

}  // namespace canine
