#pragma once

#include <functional>
#include <string>

#include "canine/dist/process_group.hpp"

namespace canine {

/// Runs `work` on rank 0 only, while the others wait. What it throws is thrown on every rank: an Error with its exit
/// code and message, anything else as InternalError. A collective; `what` names the wait ("the checkpoint of step 12").
void on_main_rank(ProcessGroup& group, const std::string& what, const std::function<void()>& work);

/// The same for work with a short text as result, which all ranks get.
std::string text_of_main_rank(ProcessGroup& group, const std::string& what, const std::function<std::string()>& work);

}  // namespace canine
