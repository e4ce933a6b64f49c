#pragma once

namespace canine {

/// True for the first caller in this process: who may write the error file. Async-signal-safe.
bool claim_error_file();

}  // namespace canine
