#pragma once

namespace canine {

/// True if stderr is a terminal on which a line can be drawn again. TERM=dumb (editors' shells, some schedulers) or no
/// TERM at all means that it shows control characters as they are, so it gets lines as files do.
bool draws_on_stderr();

}  // namespace canine
