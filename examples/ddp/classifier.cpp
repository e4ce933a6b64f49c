// Data-parallel training in C++: a small convolutional network learns which of four ways the stripes of an image run.
// Started plainly it is a program of one process; under torchrun, mpirun or srun each process trains on its share of
// the images, gradients are averaged while backward runs, and all processes end with the same weights.
#include <torch/torch.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>

#include "canine/core/errors.hpp"
#include "canine/dist/distributed_data_parallel.hpp"
#include "canine/dist/init_process_group.hpp"

namespace nn = torch::nn;
using Group = std::shared_ptr<canine::ProcessGroup>;

struct NetImpl : nn::Module {
  NetImpl() { register_module("layers", layers); }
  torch::Tensor forward(const torch::Tensor& images) { return layers->forward(images); }

  nn::Sequential layers{nn::Conv2d(nn::Conv2dOptions(1, 8, 3).padding(1)),
                        nn::ReLU(),
                        nn::MaxPool2d(2),
                        nn::Conv2d(nn::Conv2dOptions(8, 16, 3).padding(1)),
                        nn::ReLU(),
                        nn::AdaptiveAvgPool2d(2),
                        nn::Flatten(),
                        nn::Linear(64, 4)};
};
TORCH_MODULE(Net);

struct Images {
  torch::Tensor pixels;      // (N, 1, 16, 16) float
  torch::Tensor directions;  // (N) int64, 0..3: how many times 45 degrees the stripes are turned
};

// Stripes of random width and place under noise; the same images in every process that gives the same seed.
Images make_images(int64_t count, uint64_t seed) {
  const auto random = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto directions = torch::randint(4, {count}, random, torch::kInt64);
  const auto angle = directions.to(torch::kFloat) * (M_PI / 4);
  const auto frequency = 0.8 + 0.8 * torch::rand({count}, random);
  const auto phase = 2 * M_PI * torch::rand({count}, random);
  const auto place = torch::arange(16, torch::kFloat);
  const auto along_x = (frequency * angle.cos()).view({-1, 1, 1}) * place.view({1, 1, 16});
  const auto along_y = (frequency * angle.sin()).view({-1, 1, 1}) * place.view({1, 16, 1});
  const auto stripes = (along_x + along_y + phase.view({-1, 1, 1})).sin();
  return {(stripes + torch::randn({count, 16, 16}, random)).unsqueeze(1), directions};
}

// This process's part of the images [first, first + count): every world-th one.
Images share_of(const Images& images, int64_t first, int64_t count, const canine::ProcessGroup& group) {
  const auto rows = torch::arange(first + group.rank(), first + count, group.world(), torch::kInt64);
  return {images.pixels.index_select(0, rows).to(group.device()),
          images.directions.index_select(0, rows).to(group.device())};
}

// Share of right answers: each process counts in its own part, one all-reduce adds up.
double accuracy(Net& net, const Images& images, canine::ProcessGroup& group) {
  const torch::NoGradGuard no_grad;
  const int64_t total = images.directions.numel();
  const Images part = share_of(images, 0, total, group);
  at::Tensor right = net->forward(part.pixels).argmax(1).eq(part.directions).sum();
  group.all_reduce(right, canine::Reduction::kSum, "the number of right answers");
  return static_cast<double>(right.item<int64_t>()) / static_cast<double>(total);
}

void train(const Group& group, int num_epochs) {
  constexpr int64_t kBatch = 32;  // images of all processes together, so that 1, 2 or 4 of them learn alike
  const Images training = make_images(2048, 1);
  const Images test = make_images(512, 2);

  torch::manual_seed(100 + static_cast<uint64_t>(group->rank()));  // unlike on purpose: all start from rank 0's weights
  Net net;
  net->to(group->device());
  canine::DistributedDataParallel<Net> ddp(net, group);
  torch::optim::Adam optimizer(net->parameters(), 3e-3);

  for (int epoch = 0; epoch <= num_epochs; ++epoch) {
    const double right = accuracy(net, test, *group);
    if (group->is_main()) std::printf("%d processes, epoch %d: accuracy %.4f\n", group->world(), epoch, right);
    if (epoch == num_epochs) break;
    for (int64_t first = 0; first < training.directions.numel(); first += kBatch) {
      const Images batch = share_of(training, first, kBatch, *group);
      optimizer.zero_grad();
      nn::functional::cross_entropy(ddp(batch.pixels), batch.directions).backward();
      optimizer.step();
    }
  }
  const auto weights = nn::utils::parameters_to_vector(net->parameters()).to(torch::kDouble);
  std::printf("rank %d: norm of the weights %.17g\n", group->rank(), weights.norm().item<double>());
}

// Usage: classifier [EPOCHS]
int main(int argc, char** argv) {
  Group group;
  try {
    group = canine::init_process_group();
    train(group, argc > 1 ? std::atoi(argv[1]) : 4);
    group->shut_down();
    return 0;
  } catch (const canine::Error& error) {
    std::fprintf(stderr, "classifier: %s\n", error.what());
    if (group) group->report_fault(error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "classifier: %s\n", error.what());
    if (group) group->report_fault(error.what());  // so that the others name this process when they miss it
    return 1;
  }
}
