#pragma once

#include <cstdint>
#include <string>

#include "code_forms.hpp"

namespace canine {

/// The block size that holds codes of up to `longest` tokens, as a sentence with the flag; or that none does, because
/// the decoder has not room for so many in each of `num_columns` columns. Damaged codes among `forms` are not counted.
std::string block_size_advice(int64_t longest, int64_t num_columns, const CodeForms& forms);

}  // namespace canine
