#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace canine {

/// A Python value of a torch file as a tree: what a pickle says, never what it would run.
class PickleValue {
 public:
  struct None {
    bool operator==(const None&) const = default;
  };
  struct BigInt {  ///< an int beyond 64 bits, as decimal text
    std::string digits;
  };
  struct Bytes {
    std::string data;
  };
  struct Opaque {  ///< a global that is not known: an error only for who needs it
    std::string name;
  };
  using List = std::vector<PickleValue>;
  struct Tuple {
    std::vector<PickleValue> items;
  };
  struct Set {
    std::vector<PickleValue> items;
  };
  struct Dict {  ///< in order; keys may be any value
    std::vector<std::pair<PickleValue, PickleValue>> items;
    bool ordered = false;  ///< collections.OrderedDict
    /// What an OrderedDict carries in its __dict__, such as the "_metadata" of a module's state dict.
    std::vector<std::pair<PickleValue, PickleValue>> attributes = {};
  };
  using Variant =
      std::variant<None, bool, int64_t, BigInt, double, std::string, Bytes, List, Tuple, Set, Dict, at::Tensor, Opaque>;

  PickleValue();
  // Conversions are wanted: a tree is written down as nested values.
  // NOLINTBEGIN(google-explicit-constructor)
  PickleValue(bool value);
  PickleValue(int64_t value);
  PickleValue(int value);
  PickleValue(double value);
  PickleValue(const char* text);
  PickleValue(std::string text);
  PickleValue(at::Tensor tensor);
  PickleValue(List items);
  PickleValue(Tuple items);
  PickleValue(Dict dict);
  PickleValue(Variant value);
  // NOLINTEND(google-explicit-constructor)
  ~PickleValue();
  PickleValue(const PickleValue&);
  PickleValue(PickleValue&&) noexcept;
  PickleValue& operator=(const PickleValue&);
  PickleValue& operator=(PickleValue&&) noexcept;

  const Variant& variant() const;
  bool is_none() const;

  /// The value as a type; CheckpointError naming `path` and what was found otherwise. Ints pass as doubles.
  int64_t as_int(std::string_view path) const;
  double as_double(std::string_view path) const;
  bool as_bool(std::string_view path) const;
  const std::string& as_string(std::string_view path) const;
  const at::Tensor& as_tensor(std::string_view path) const;
  const Dict& as_dict(std::string_view path) const;
  const std::vector<PickleValue>& as_sequence(std::string_view path) const;  ///< list or tuple

  /// Entry of a dict with a text key, or nullptr.
  const PickleValue* find(std::string_view key) const;
  /// Entry of a dict with a text key; CheckpointError naming path/key if absent.
  const PickleValue& at(std::string_view key, std::string_view path) const;

  /// Appends to a dict (the value must be one).
  void set(PickleValue key, PickleValue value);

 private:
  std::unique_ptr<Variant> value_;
};

}  // namespace canine
