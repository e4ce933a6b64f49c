#pragma once

#include <string>

namespace canine {

/// The text that Python's repr(float) gives: shortest digits that round-trip, exponent form below 1e-4 and from 1e16
/// on ("2e-05"), always with ".0" or an exponent, "nan", "inf". logs.csv is written so.
std::string python_float(double value);

/// The same number as PyYAML writes it: an exponent form without a point gets ".0" ("2.0e-05"); ".nan", ".inf".
std::string yaml_float(double value);

}  // namespace canine
