#pragma once

#include <string>

#include "canine/checkpoint/named_tensors.hpp"

namespace canine {

/// Weights without what wrappers of Python programs put into their names: "module." (DataParallel,
/// DistributedDataParallel), "_orig_mod." (torch.compile), the parts of FSDP and of activation checkpointing, "model."
/// (a module of Lightning that holds the model), in any order and place, and any other prefix that all names of the
/// model's encoder have. Names of the models that are known here keep all their parts. Throws CheckpointError naming
/// `source` where two tensors would get one name.
NamedTensors unwrapped(const NamedTensors& weights, const std::string& source);

}  // namespace canine
