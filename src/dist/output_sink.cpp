#include "output_sink.hpp"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <unordered_set>
#include <utility>

namespace canine {
namespace {

using torch::autograd::Edge;

struct OutputSink : torch::autograd::Node {
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    return std::move(gradients);
  }
  std::string name() const override { return "canine::OutputSink"; }
};

}  // namespace

void tie_outputs(const std::vector<at::Tensor>& outputs) {
  std::vector<at::Tensor> tied;
  std::unordered_set<const c10::TensorImpl*> seen;
  for (const auto& output : outputs) {
    if (output.defined() && output.grad_fn() && seen.insert(output.unsafeGetTensorImpl()).second)
      tied.push_back(output);
  }
  if (tied.size() < 2) return;
  const auto sink = std::make_shared<OutputSink>();
  torch::autograd::edge_list edges;
  for (const auto& output : tied) {
    edges.push_back(torch::autograd::impl::gradient_edge(output));
    sink->add_input_metadata(output);
  }
  sink->set_next_edges(std::move(edges));
  for (size_t i = 0; i < tied.size(); ++i) {
    torch::autograd::impl::set_gradient_edge(tied[i], Edge(sink, static_cast<uint32_t>(i)));
  }
}

}  // namespace canine
