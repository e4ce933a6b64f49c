#include "canine/model/matrix_precision.hpp"

#include <memory>

#include "canine/model/layers.hpp"

namespace canine {

void store_matrices_as(MixerImpl& mixer, c10::ScalarType dtype) {
  for (const auto& module : mixer.modules()) {
    if (std::dynamic_pointer_cast<Embedding>(module)) continue;
    for (at::Tensor& parameter : module->parameters(/*recurse=*/false)) {
      if (parameter.dim() == 2) parameter.set_data(parameter.detach().to(dtype));
    }
  }
}

}  // namespace canine
