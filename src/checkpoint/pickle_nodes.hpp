#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bytes.hpp"
#include "canine/checkpoint/pickle_value.hpp"

/// What a pickle builds, before it becomes a PickleValue: objects that refer to each other by number, since a pickle
/// may fill a list after it has put it into another.
namespace canine::pickle {

using Ref = uint32_t;

struct ListNode {
  std::vector<Ref> items;
};
struct TupleNode {
  std::vector<Ref> items;
};
struct SetNode {
  std::vector<Ref> items;
};
struct DictNode {
  std::vector<std::pair<Ref, Ref>> items;
  bool ordered = false;
  std::vector<std::pair<Ref, Ref>> attributes = {};
};
struct Global {  ///< a name in a module, "torch._utils._rebuild_tensor_v2"
  std::string name;
};
struct NumpyType {  ///< little-endian: kind 'f', 'i', 'u' or 'b', and size
  char kind = 0;
  size_t bytes = 0;
};
struct StorageNode {
  size_t index = 0;  ///< in PickleReader::storages()
};
struct TensorNode {  ///< a view, checked to lie within its storage
  size_t storage = 0;
  c10::ScalarType type = c10::ScalarType::Undefined;
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

using Node = std::variant<PickleValue::None, bool, int64_t, PickleValue::BigInt, double, std::string,
                          PickleValue::Bytes, PickleValue::Opaque, ListNode, TupleNode, SetNode, DictNode, Global,
                          NumpyType, StorageNode, TensorNode>;

/// Memory that tensors refer to: the record "data/<key>" must hold `numel` elements of `type`.
struct PickledStorage {
  std::string key;
  c10::ScalarType type = c10::ScalarType::Undefined;
  int64_t numel = 0;
};

/// All objects of one pickle; bounded in number and in what they hold, since calls may copy.
class Nodes {
 public:
  Ref add(Node node, const ByteReader& where);

  Node& operator[](Ref ref) { return nodes_[ref]; }
  const Node& operator[](Ref ref) const { return nodes_[ref]; }

  template <typename T>
  T* get(Ref ref) {
    return std::get_if<T>(&nodes_[ref]);
  }
  template <typename T>
  const T* get(Ref ref) const {
    return std::get_if<T>(&nodes_[ref]);
  }

 private:
  std::deque<Node> nodes_;  // a deque, so that references stay valid while nodes are added
  size_t held_bytes_ = 0;
};

/// The object that Python would make by calling `callable` with a tuple of arguments. Nothing is called: the few names
/// that torch files use are known by their meaning, any other gives an Opaque. CheckpointError for a known name with
/// arguments that do not fit.
Node call_known(const Nodes& nodes, const std::vector<PickledStorage>& storages, Ref callable, Ref arguments,
                const ByteReader& where);

/// Sets the state of an object made before (opcode BUILD).
void build_known(Nodes& nodes, Ref object, Ref state, const ByteReader& where);

/// The object as a tree; `memory` holds one flat tensor per storage. CheckpointError for cycles, for nesting deeper
/// than 100, and where shared parts would make the tree much larger than the pickle.
PickleValue tree_of(const Nodes& nodes, Ref root, const std::vector<at::Tensor>& memory, const std::string& what);

}  // namespace canine::pickle
