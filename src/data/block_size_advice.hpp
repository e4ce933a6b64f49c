#pragma once

#include <cstdint>
#include <string>

namespace canine {

/// The block size that holds codes of up to `longest` tokens, as a sentence with the flag; or that none does, because
/// the decoder has not room for so many in each of `num_columns` columns.
std::string block_size_advice(int64_t longest, int64_t num_columns);

}  // namespace canine
