#pragma once

namespace canine {

/// Makes room for the sockets of a job of `world` processes: raises the soft limit of open files to the hard one where
/// it is too low. Without room the store's server thread would end the process with no message.
/// Throws UsageError naming the limit, the need and `ulimit -n`.
void require_descriptors(int world);

}  // namespace canine
