#pragma once

namespace canine {

/// For signal handlers: true if the launcher that this process must not outlive has died; starts the time limit of
/// end_with_launcher when it sees that first. Async-signal-safe.
bool note_launcher_death();

}  // namespace canine
