#pragma once

#include <string>

namespace canine {

/// Name of this machine; "localhost" if it has none.
std::string host_name();

}  // namespace canine
