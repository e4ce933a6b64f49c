#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace canine {

/// The text that Python's repr(float) gives: shortest digits that round-trip, exponent form below 1e-4 and from 1e16
/// on ("2e-05"), always with ".0" or an exponent, "nan", "inf". logs.csv is written so.
std::string python_float(double value);

/// The text of a float32 as NumPy's str and pandas' to_csv give it: shortest digits that give the same float32.
std::string numpy_float32(float value);

/// The same number as PyYAML writes it: an exponent form without a point gets ".0" ("2.0e-05"); ".nan", ".inf".
std::string yaml_float(double value);

/// The number that Python's float(text) gives: white space around it is passed over, as are single '_' between digits;
/// "inf", "infinity" and "nan" in any case are numbers. nullopt where Python raises ValueError, and for digits outside
/// ASCII, which Python takes.
std::optional<double> parse_python_float(std::string_view text);

}  // namespace canine
