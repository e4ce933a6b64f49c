#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace canine {

/// A value of LD_LIBRARY_PATH without its empty entries, nullopt if it has none. An empty entry is the current folder
/// to the loader, but nobody's wish: `LD_LIBRARY_PATH=/opt/x:$LD_LIBRARY_PATH` leaves one where there was no value
/// before.
std::optional<std::string> without_empty_entries(std::string_view library_path);

/// Where LD_LIBRARY_PATH has empty entries, starts the program anew without them, as the same process: the loader has
/// read the variable already, and what is opened later (GPU driver, MPI, NCCL and what they open) would come from a
/// folder that anybody may have filled. What is loaded before this is found by the run path (cmake/Loader.cmake).
/// Returns otherwise; warns if the start is refused. To be called first of all.
void leave_current_folder_out_of_library_path();

}  // namespace canine
