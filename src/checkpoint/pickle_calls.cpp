#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "pickle_nodes.hpp"
#include "tensor_layout.hpp"
#include "torch_types.hpp"

namespace canine::pickle {
namespace {

/// Elements that a view may have beyond those of its storage (by strides of 0), so that a small file cannot ask for
/// much memory where the view is copied.
constexpr int64_t kMaxRepeatedElements = int64_t{1} << 20;

constexpr size_t kMaxNodes = size_t{1} << 20;
constexpr size_t kMaxHeldBytes = size_t{256} << 20;

struct HeldBytes {
  size_t operator()(const std::string& text) const { return text.size(); }
  size_t operator()(const PickleValue::BigInt& number) const { return number.digits.size(); }
  size_t operator()(const PickleValue::Bytes& bytes) const { return bytes.data.size(); }
  size_t operator()(const PickleValue::Opaque& object) const { return object.name.size(); }
  size_t operator()(const Global& global) const { return global.name.size(); }
  size_t operator()(const ListNode& list) const { return list.items.size() * sizeof(Ref); }
  size_t operator()(const TupleNode& tuple) const { return tuple.items.size() * sizeof(Ref); }
  size_t operator()(const SetNode& set) const { return set.items.size() * sizeof(Ref); }
  size_t operator()(const DictNode& dict) const { return dict.items.size() * 2 * sizeof(Ref); }
  size_t operator()(const auto&) const { return 0; }
};

/// One call by its name. Each function gives nullopt for arguments that it does not know.
class Call {
 public:
  Call(const Nodes& nodes, const std::vector<PickledStorage>& storages, const std::vector<Ref>& arguments,
       const ByteReader& where)
      : nodes_(nodes), storages_(storages), arguments_(arguments), where_(where) {}

  std::optional<Node> result(const std::string& name) const {
    if (name == "collections.OrderedDict")
      return arguments_.empty() ? std::optional<Node>(ordered_dict()) : std::nullopt;
    if (name == "collections.Counter" || name == "collections.defaultdict") return dict_with_default();
    if (name == "torch._utils._rebuild_tensor_v2") return tensor(false);
    if (name == "torch._utils._rebuild_tensor_v3") return tensor(true);
    if (name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state") {
      return argument<TensorNode>(0) ? std::optional<Node>(*argument<TensorNode>(0)) : std::nullopt;
    }
    if (name == "torch._tensor._rebuild_from_type_v2") return tensor_of_type();
    if (name == "torch.Size") return first_if<TupleNode>();
    if (name == "torch.serialization._get_layout") return first_if<std::string>();
    if (name == "torch.device") return device();
    if (name == "_codecs.encode") return encoded();
    if (name == "builtins.bytes" || name == "builtins.bytearray") return bytes();
    if (name == "builtins.set" || name == "builtins.frozenset") return set();
    if (name == "numpy.dtype") return numpy_type();
    if (name == "numpy.core.multiarray.scalar" || name == "numpy._core.multiarray.scalar") return numpy_scalar();
    return std::nullopt;
  }

 private:
  template <typename T>
  const T* argument(size_t index) const {
    return index < arguments_.size() ? nodes_.get<T>(arguments_[index]) : nullptr;
  }

  template <typename T>
  std::optional<Node> first_if() const {
    const T* first = argument<T>(0);
    return first && arguments_.size() == 1 ? std::optional<Node>(*first) : std::nullopt;
  }

  static DictNode ordered_dict() {
    DictNode dict;
    dict.ordered = true;
    return dict;
  }

  /// Counter({...}) and defaultdict(factory): dicts like others, for who reads them.
  std::optional<Node> dict_with_default() const {
    const auto* items = argument<DictNode>(0);
    return items ? *items : DictNode{};
  }

  std::vector<int64_t> numbers(size_t index) const {
    const auto* tuple = argument<TupleNode>(index);
    if (!tuple || tuple->items.size() > kMaxDims) where_.fail("a tensor without sizes or strides, or with too many");
    std::vector<int64_t> result;
    for (const Ref item : tuple->items) {
      const auto* number = nodes_.get<int64_t>(item);
      if (!number) where_.fail("a tensor's size or stride is no whole number");
      result.push_back(*number);
    }
    return result;
  }

  /// (storage, offset, sizes, strides, requires_grad, hooks), in version 3 with the type.
  std::optional<Node> tensor(bool has_type) const {
    const auto* storage = argument<StorageNode>(0);
    const auto* offset = argument<int64_t>(1);
    if (!storage || !offset) where_.fail("a tensor without storage or offset");
    const PickledStorage& memory = storages_[storage->index];
    TensorNode view{storage->index, memory.type, *offset, numbers(2), numbers(3)};
    int64_t available = memory.numel;
    if (has_type) {
      const auto* global = argument<Global>(6);
      const auto type =
          global && global->name.starts_with("torch.") ? type_of_dtype(global->name.substr(6)) : std::nullopt;
      if (!type) where_.fail("a tensor of an unknown type");
      view.type = *type;
      const auto bytes = checked_product(static_cast<uint64_t>(memory.numel), c10::elementSize(memory.type));
      if (!bytes) where_.fail(fmt::format("the size of storage '{}' overflows", printable(memory.key)));
      available = static_cast<int64_t>(*bytes / c10::elementSize(view.type));
    }
    const std::optional<int64_t> extent = checked_extent(view.offset, view.sizes, view.strides);
    if (!extent || *extent > available) {
      where_.fail(fmt::format("a tensor reaches beyond the {} elements of storage '{}', or its sizes are impossible",
                              available, printable(memory.key)));
    }
    if (*checked_numel(view.sizes) > std::max(available, kMaxRepeatedElements)) {
      where_.fail(
          fmt::format("a tensor repeats the {} elements of storage '{}' too often", available, printable(memory.key)));
    }
    return view;
  }

  /// (function, type, arguments, state): a tensor with Python attributes, which are left out.
  std::optional<Node> tensor_of_type() const {
    const auto* function = argument<Global>(0);
    const auto* inner = argument<TupleNode>(2);
    if (!function || !inner || function->name == "torch._tensor._rebuild_from_type_v2") return std::nullopt;
    return Call(nodes_, storages_, inner->items, where_).result(function->name);
  }

  std::optional<Node> device() const {
    const auto* kind = argument<std::string>(0);
    if (!kind) return std::nullopt;
    const auto* index = argument<int64_t>(1);
    return index ? fmt::format("{}:{}", *kind, *index) : *kind;
  }

  /// _codecs.encode(text, 'latin1'): how protocol 2 says bytes.
  std::optional<Node> encoded() const {
    const auto* text = argument<std::string>(0);
    const auto* encoding = argument<std::string>(1);
    if (!text || !encoding || (*encoding != "latin1" && *encoding != "latin-1")) return std::nullopt;
    PickleValue::Bytes bytes;
    for (size_t i = 0; i < text->size(); ++i) {
      auto byte = static_cast<unsigned char>((*text)[i]);
      if (byte >= 0x80) {
        const unsigned char next = i + 1 < text->size() ? static_cast<unsigned char>((*text)[++i]) : 0;
        if ((byte & 0xfe) != 0xc2 || (next & 0xc0) != 0x80) where_.fail("bytes with a character beyond 255");
        byte = static_cast<unsigned char>((byte & 3) << 6 | (next & 0x3f));
      }
      bytes.data.push_back(static_cast<char>(byte));
    }
    return bytes;
  }

  std::optional<Node> bytes() const {
    if (arguments_.empty()) return PickleValue::Bytes{};
    if (arguments_.size() == 2) return encoded();
    return first_if<PickleValue::Bytes>();
  }

  std::optional<Node> set() const {
    if (arguments_.empty()) return SetNode{};
    const auto* list = argument<ListNode>(0);
    return list ? std::optional<Node>(SetNode{list->items}) : std::nullopt;
  }

  /// numpy.dtype('f8', ...).
  std::optional<Node> numpy_type() const {
    const auto* name = argument<std::string>(0);
    if (!name || name->size() != 2 || std::string_view("fiub").find((*name)[0]) == std::string_view::npos) {
      return std::nullopt;
    }
    return NumpyType{(*name)[0], static_cast<size_t>((*name)[1] - '0')};
  }

  std::optional<Node> numpy_scalar() const {
    const auto* type = argument<NumpyType>(0);
    const auto* bytes = argument<PickleValue::Bytes>(1);
    if (!type || !bytes || bytes->data.size() != type->bytes) return std::nullopt;
    const char* data = bytes->data.data();
    const auto as = [data]<typename T>(T number) {
      std::memcpy(&number, data, sizeof number);
      return number;
    };
    switch (type->kind * 16 + static_cast<int>(type->bytes)) {
      case 'f' * 16 + 8:
        return as(double{});
      case 'f' * 16 + 4:
        return static_cast<double>(as(float{}));
      case 'b' * 16 + 1:
        return data[0] != 0;
      case 'i' * 16 + 8:
        return as(int64_t{});
      case 'i' * 16 + 4:
        return int64_t{as(int32_t{})};
      case 'i' * 16 + 2:
        return int64_t{as(int16_t{})};
      case 'i' * 16 + 1:
        return int64_t{as(int8_t{})};
      case 'u' * 16 + 8:
        if (const uint64_t number = as(uint64_t{}); number >> 63) return PickleValue::BigInt{std::to_string(number)};
        return as(int64_t{});
      case 'u' * 16 + 4:
        return int64_t{as(uint32_t{})};
      case 'u' * 16 + 2:
        return int64_t{as(uint16_t{})};
      case 'u' * 16 + 1:
        return int64_t{as(uint8_t{})};
      default:
        return std::nullopt;
    }
  }

  const Nodes& nodes_;
  const std::vector<PickledStorage>& storages_;
  const std::vector<Ref>& arguments_;
  const ByteReader& where_;
};

}  // namespace

Ref Nodes::add(Node node, const ByteReader& where) {
  held_bytes_ += std::visit(HeldBytes{}, node);
  if (nodes_.size() >= kMaxNodes || held_bytes_ > kMaxHeldBytes) {
    where.fail(fmt::format("more than {} objects, or objects of more than {} bytes", kMaxNodes, kMaxHeldBytes));
  }
  nodes_.push_back(std::move(node));
  return static_cast<Ref>(nodes_.size() - 1);
}

Node call_known(const Nodes& nodes, const std::vector<PickledStorage>& storages, Ref callable, Ref arguments,
                const ByteReader& where) {
  const auto* tuple = nodes.get<TupleNode>(arguments);
  if (!tuple) where.fail("the arguments of a call are no tuple");
  if (const auto* global = nodes.get<Global>(callable)) {
    if (std::optional<Node> known = Call(nodes, storages, tuple->items, where).result(global->name)) return *known;
    return PickleValue::Opaque{global->name};
  }
  if (const auto* opaque = nodes.get<PickleValue::Opaque>(callable)) return *opaque;
  where.fail("something that is no name is called");
}

void build_known(Nodes& nodes, Ref object, Ref state, const ByteReader& where) {
  if (nodes.get<PickleValue::Opaque>(object)) return;
  if (auto* dict = nodes.get<DictNode>(object); dict && dict->ordered) {
    const auto* attributes = nodes.get<DictNode>(state);
    if (!attributes) where.fail("the attributes of a dict are no dict");
    dict->attributes.insert(dict->attributes.end(), attributes->items.begin(), attributes->items.end());
    return;
  }
  if (nodes.get<NumpyType>(object)) {
    const auto* parts = nodes.get<TupleNode>(state);
    const auto* order = parts && parts->items.size() > 1 ? nodes.get<std::string>(parts->items[1]) : nullptr;
    if (!order || *order == ">") nodes[object] = PickleValue::Opaque{"numpy.dtype"};
    return;
  }
  where.fail("a state is set in something that has none");
}

}  // namespace canine::pickle
