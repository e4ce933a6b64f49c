#pragma once

#include <string>
#include <vector>

namespace canine {

/// The program `convert`: writes a model in another file format (exchange/write_model.hpp). Returns the exit status;
/// throws the errors of core/errors.hpp. Nothing that is there already is replaced unless --overwrite says so.
int convert_main(const std::vector<std::string>& arguments);

}  // namespace canine
