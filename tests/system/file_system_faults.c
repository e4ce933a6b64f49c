/* Loaded before the C library (LD_PRELOAD): the calls named in LACKS fail as on file systems that do not have them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int lacks(const char* call) {
  const char* list = getenv("LACKS");
  return list != 0 && strstr(list, call) != 0;
}

#define REAL(name) ((__typeof__(name)*)dlsym(RTLD_NEXT, #name))
#define FAIL_IF_LACKING(call, error) \
  if (lacks(call)) return errno = (error), -1

int rename(const char* from, const char* to) {
  FAIL_IF_LACKING("rename", ENOSYS);
  return REAL(rename)(from, to);
}
int link(const char* from, const char* to) {
  FAIL_IF_LACKING("link", ENOSYS);
  return REAL(link)(from, to);
}
int unlink(const char* path) {
  FAIL_IF_LACKING("removal", EPERM);
  return REAL(unlink)(path);
}
int remove(const char* path) {
  FAIL_IF_LACKING("removal", EPERM);
  return REAL(remove)(path);
}
int fsync(int fd) {
  FAIL_IF_LACKING("fsync", EINVAL);
  return REAL(fsync)(fd);
}
int ftruncate(int fd, off_t size) {
  FAIL_IF_LACKING("truncation", ENOSYS);
  return REAL(ftruncate)(fd, size);
}
int truncate(const char* path, off_t size) {
  FAIL_IF_LACKING("truncation", ENOSYS);
  return REAL(truncate)(path, size);
}
int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  if ((flags & O_APPEND) && !(flags & O_CREAT)) FAIL_IF_LACKING("appending", EOPNOTSUPP);
  return REAL(open)(path, flags, mode);
}
