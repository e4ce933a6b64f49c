#pragma once

#include <ATen/ATen.h>

#include "model/tiny_fixture.hpp"

namespace canine::test {

/// Batch 0 of the fixture: 8 rows of 128 characters.
struct TinyBatch {
  TensorFile file{"batch.safetensors"};
  at::Tensor ids = file["input_ids"];
  at::Tensor mask = file["attention_mask"];
};

}  // namespace canine::test
