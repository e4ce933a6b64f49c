#include "canine/checkpoint/pickle_value.hpp"

#include <ATen/ops/ones.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "canine/checkpoint/state_dict.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

using Catch::Matchers::Message;

TEST_CASE("pickle value: what does not fit is named with its place") {
  PickleValue dict = PickleValue::Dict{};
  dict.set("step", "ten");
  dict.set("model", PickleValue::Variant(PickleValue::Opaque{"torch.nn.Linear"}));
  dict.set("rate", 3);
  CHECK(dict.at("rate", "a").as_double("last.bin: rate") == 3.0);
  CHECK_THROWS_MATCHES(dict.at("epoch", "last.bin"), CheckpointError,
                       Message("last.bin: the entry 'epoch' is missing"));
  CHECK_THROWS_MATCHES(dict.at("step", "a").as_int("last.bin: step"), CheckpointError,
                       Message("last.bin: step: a whole number was expected, a text was found"));
  CHECK_THROWS_MATCHES(dict.at("model", "a").as_dict("last.bin: model"), CheckpointError,
                       Message("last.bin: model: a dict was expected, an object of torch.nn.Linear was found"));
  CHECK_THROWS_MATCHES(dict.at("rate", "a").as_bool("last.bin: rate"), CheckpointError,
                       Message("last.bin: rate: a truth value was expected, a whole number was found"));
  CHECK_THROWS_MATCHES(tensors_of(dict, "last.bin"), CheckpointError,
                       Message("last.bin: step: a tensor was expected, a text was found"));
  CHECK(dict.find("epoch") == nullptr);
  CHECK(PickleValue(3).find("epoch") == nullptr);
  CHECK_THROWS_AS(PickleValue(3).set("a", 1), InternalError);
}

TEST_CASE("pickle value: a copy is a value of its own, tensors share memory") {
  PickleValue first = state_dict_value({{"weight", at::ones({2})}});
  PickleValue second = first;
  second.set("more", 1);
  CHECK(first.as_dict("").items.size() == 1);
  CHECK(first.as_dict("").ordered);
  CHECK(first.at("weight", "").as_tensor("").data_ptr() == second.at("weight", "").as_tensor("").data_ptr());
  first = second;
  CHECK(first.as_dict("").items.size() == 2);
}

}  // namespace
}  // namespace canine
