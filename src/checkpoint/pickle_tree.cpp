#include <ATen/ops/empty.h>

#include <unordered_set>

#include "canine/core/errors.hpp"
#include "pickle_nodes.hpp"
#include "torch_types.hpp"

namespace canine::pickle {
namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxValues = size_t{1} << 21;
constexpr size_t kMaxTextBytes = size_t{256} << 20;

class Tree {
 public:
  Tree(const Nodes& nodes, const std::vector<at::Tensor>& memory, const std::string& what)
      : nodes_(nodes), memory_(memory), what_(what) {}

  PickleValue value(Ref ref, int depth = 0) {
    if (depth > kMaxDepth) refuse(fmt::format("values are nested deeper than {} or contain themselves", kMaxDepth));
    if (++num_values_ > kMaxValues) refuse("shared values would grow beyond all bounds");
    return std::visit([&](const auto& node) { return of(node, depth + 1); }, nodes_[ref]);
  }

 private:
  [[noreturn]] void refuse(std::string_view problem) const { throw CheckpointError("{}: {}", what_, problem); }

  template <typename T>
  PickleValue of(const T& plain, int) {
    return PickleValue(PickleValue::Variant(plain));
  }
  PickleValue of(const std::string& text, int) {
    count_text(text.size());
    return text;
  }
  PickleValue of(const PickleValue::Bytes& bytes, int) {
    count_text(bytes.data.size());
    return PickleValue::Variant(bytes);
  }
  PickleValue of(const ListNode& list, int depth) { return values(list.items, depth); }
  PickleValue of(const TupleNode& tuple, int depth) { return PickleValue::Tuple{values(tuple.items, depth)}; }
  PickleValue of(const SetNode& set, int depth) {
    return PickleValue::Variant(PickleValue::Set{values(set.items, depth)});
  }
  PickleValue of(const DictNode& dict, int depth) {
    return PickleValue::Dict{pairs(dict.items, depth), dict.ordered, pairs(dict.attributes, depth)};
  }
  /// A type is named ("torch.float32"); other names mean objects that are not known here.
  PickleValue of(const Global& global, int) {
    if (global.name.starts_with("torch.") && type_of_dtype(global.name.substr(6))) return global.name;
    return PickleValue::Variant(PickleValue::Opaque{global.name});
  }
  PickleValue of(const NumpyType&, int) { return PickleValue::Variant(PickleValue::Opaque{"numpy.dtype"}); }
  PickleValue of(const StorageNode&, int) { return PickleValue::Variant(PickleValue::Opaque{"torch.storage"}); }
  PickleValue of(const TensorNode& view, int) {
    const at::Tensor tensor = at::empty({0}, at::TensorOptions().dtype(view.type));
    return tensor.set_(memory_[view.storage].storage(), view.offset, view.sizes, view.strides);
  }

  void count_text(size_t bytes) {
    text_bytes_ += bytes;
    if (text_bytes_ > kMaxTextBytes) refuse("shared texts would grow beyond all bounds");
  }

  PickleValue::List values(const std::vector<Ref>& items, int depth) {
    PickleValue::List result;
    for (const Ref item : items) result.push_back(value(item, depth));
    return result;
  }

  std::vector<std::pair<PickleValue, PickleValue>> pairs(const std::vector<std::pair<Ref, Ref>>& items, int depth) {
    std::vector<std::pair<PickleValue, PickleValue>> result;
    std::unordered_set<std::string_view> keys;
    for (const auto& [key, item] : items) {
      const auto* text = nodes_.get<std::string>(key);
      if (text && !keys.insert(*text).second)
        refuse(fmt::format("the key '{}' occurs twice in a dict", printable(*text)));
      PickleValue key_value = value(key, depth);
      result.emplace_back(std::move(key_value), value(item, depth));
    }
    return result;
  }

  const Nodes& nodes_;
  const std::vector<at::Tensor>& memory_;
  const std::string& what_;
  size_t num_values_ = 0;
  size_t text_bytes_ = 0;
};

}  // namespace

PickleValue tree_of(const Nodes& nodes, Ref root, const std::vector<at::Tensor>& memory, const std::string& what) {
  return Tree(nodes, memory, what).value(root);
}

}  // namespace canine::pickle
