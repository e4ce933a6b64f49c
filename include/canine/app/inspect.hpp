#pragma once

#include <string>
#include <vector>

namespace canine {

/// The program `inspect`: shows what a model file or folder holds (exchange/inspection.hpp). Returns the exit status;
/// throws the errors of core/errors.hpp. Reads only, and executes nothing of what it reads.
int inspect_main(const std::vector<std::string>& arguments);

}  // namespace canine
