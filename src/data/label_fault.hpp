#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "canine/text/formatter.hpp"

namespace canine {

/// The cells of one row's label columns, nullopt = missing.
using LabelCells = std::span<const std::optional<std::string_view>>;

/// Where in a row a rule is broken.
struct LabelFault {
  std::string column;  ///< label column; several joined with '&' if only together they break the rule
  std::string code;    ///< its cell, joined likewise
};

/// The first of `names` whose cell alone fails `accepts`, or all columns up to the first missing cell if each alone
/// passes; the first column if its cell is missing. `accepts` gets the number of the column and its cell as the only
/// one.
template <typename Accepts>
LabelFault find_fault(std::span<const std::string> names, LabelCells cells, const Accepts& accepts) {
  LabelFault all;
  if (cells.empty() || !cells.front()) all.column = names.front();
  for (size_t column = 0; column < cells.size() && cells[column]; ++column) {
    const std::array<std::optional<std::string_view>, 1> alone{cells[column]};
    if (!accepts(column, LabelCells(alone))) return {names[column], std::string(*cells[column])};
    if (column > 0) {
      all.column += '&';
      all.code += '&';
    }
    all.column += names[column];
    all.code += *cells[column];
  }
  return all;
}

}  // namespace canine
