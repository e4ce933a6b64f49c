#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pickle_nodes.hpp"

namespace canine {

/// Reads a pickle of protocols 2 to 5 as data. Opcodes that only programs need, and those of a later protocol than the
/// pickle names, are refused; calls are understood by name or give Opaque values, so nothing in a file can run. Time
/// and memory are bounded by the length of the pickle.
class PickleReader {
 public:
  /// Parses; `what` names the pickle in messages. Throws CheckpointError with the position.
  PickleReader(std::string_view bytes, const std::string& what);

  const std::vector<pickle::PickledStorage>& storages() const { return storages_; }

  /// The value; `memory` holds a flat tensor for each storage, whose memory the tensors share.
  PickleValue value(const std::vector<at::Tensor>& memory) const;

 private:
  void run();
  void read_protocol();
  void begin_frame(uint64_t length);
  bool step(char opcode);
  bool step_of_protocol_3(char opcode);
  bool step_of_protocol_4(char opcode);
  bool step_of_protocol_5(char opcode);
  bool step_literal(char opcode);
  bool step_collection(char opcode);
  bool step_object(char opcode);

  void push(pickle::Node node);
  pickle::Ref pop();
  pickle::Ref top() const;
  std::vector<pickle::Ref> pop_to_mark();
  void push_tuple(size_t count);
  void push_storage();
  void push_global();
  void push_object_with_names();
  void remember(uint64_t place);
  void recall(uint64_t place);
  void append(const std::vector<pickle::Ref>& items);
  void set_items(const std::vector<pickle::Ref>& items);
  void add_to_set(const std::vector<pickle::Ref>& items);
  std::string text(uint64_t length);
  void push_long(std::string_view bytes);

  ByteReader bytes_;
  std::string what_;
  uint64_t protocol_ = 0;
  size_t frame_end_ = 0;  ///< opcodes do not reach across it; 0 = outside of frames
  pickle::Nodes nodes_;
  std::vector<pickle::Ref> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, pickle::Ref> memo_;
  std::vector<pickle::PickledStorage> storages_;
  std::unordered_map<std::string, size_t> storage_of_key_;
};

}  // namespace canine
