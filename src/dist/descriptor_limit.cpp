#include "descriptor_limit.hpp"

#include <sys/resource.h>

#include "canine/core/errors.hpp"

namespace canine {

void require_descriptors(int world) {
  const rlim_t need = 64 + 4 * static_cast<rlim_t>(world);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) return;
  if (limit.rlim_max >= need) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  }
  throw UsageError(
      "this process may open {} files, and a job of {} processes needs at least {}: raise the limit with "
      "`ulimit -n {}` (or LimitNOFILE, /etc/security/limits.conf) before the start",
      limit.rlim_max, world, need, need);
}

}  // namespace canine
