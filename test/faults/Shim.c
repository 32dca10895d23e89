// A preload shim over the system calls of a save or load: counts them, fails, shortens or kills
// at the Nth, and logs them. One shim serves the tests of I/O failure, kill and power loss.
//
// Only calls on paths under FTC_FAULT_UNDER (and descriptors opened there) count, from 1.
//   FTC_FAULT_AT=N      where it strikes; absent: never
//   FTC_FAULT_MODE=     EIO, ENOSPC, EINTR (where the call may return it), SHORT (half the
//                       bytes of a read or write), KILL (before the call), KILLED (after it)
//   FTC_FAULT_STICKY=1  every later call fails as well
//   FTC_FAULT_LOG=file  one line a call: index, call, path, second path or byte count, by tabs
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { MaxFds = 1024, MaxPath = 1024 };
static char paths[MaxFds][MaxPath]; // Empty: not under FTC_FAULT_UNDER.
static const char *under;
static long strikeAt;
static const char *mode = "";
static int sticky;
static int logFd = -1;
static long calls;

__attribute__((constructor)) static void setUp(void) {
  under = getenv("FTC_FAULT_UNDER");
  const char *text = getenv("FTC_FAULT_AT");
  strikeAt = text ? atol(text) : 0;
  text = getenv("FTC_FAULT_MODE");
  mode = text ? text : "";
  sticky = getenv("FTC_FAULT_STICKY") != NULL;
  text = getenv("FTC_FAULT_LOG");
  if (text)
    logFd = (int)syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND, 0666);
}

static int covers(const char *path) {
  return under && path && strncmp(path, under, strlen(under)) == 0;
}
static const char *pathOf(int fd) {
  return fd >= 0 && fd < MaxFds && paths[fd][0] ? paths[fd] : NULL;
}
static void remember(int fd, const char *path) {
  if (fd >= 0 && fd < MaxFds)
    snprintf(paths[fd], MaxPath, "%s", path);
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); }

enum Strike { None, Fail, Short, KillAfter };

/// Counts and logs one call; says what is to happen to it. `interruptible`: it may return EINTR
/// on Linux; `countable`: it moves bytes.
static enum Strike strike(const char *call, const char *path, const char *second, long bytes,
                          int interruptible, int countable) {
  long index = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  if (logFd >= 0) {
    char line[2 * MaxPath + 100];
    int length =
        second ? snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\n", index, call, path, second)
               : snprintf(line, sizeof line, "%ld\t%s\t%s\t%ld\n", index, call, path, bytes);
    syscall(SYS_write, logFd, line, (size_t)length);
  }
  if (strikeAt == 0 || index < strikeAt || (index > strikeAt && !sticky))
    return None;
  if (strcmp(mode, "KILL") == 0)
    die();
  if (strcmp(mode, "KILLED") == 0)
    return KillAfter;
  if (strcmp(mode, "SHORT") == 0)
    return countable ? Short : None;
  if (strcmp(mode, "EINTR") == 0) {
    errno = EINTR;
    return interruptible ? Fail : None;
  }
  errno = strcmp(mode, "ENOSPC") == 0 ? ENOSPC : EIO;
  return Fail;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define AFTER(action)                                                                          \
  if (action == KillAfter)                                                                     \
  die()

static int opened(int fd, const char *path) {
  if (fd >= 0)
    remember(fd, path);
  return fd;
}

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  if (!covers(path))
    return opened(REAL(open)(path, flags, bits), "");
  enum Strike action = strike("open", path, NULL, flags, 1, 0);
  if (action == Fail)
    return -1;
  int fd = opened(REAL(open)(path, flags, bits), path);
  AFTER(action);
  return fd;
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  return open(path, flags, bits);
}

int close(int fd) {
  const char *path = pathOf(fd);
  if (!path)
    return REAL(close)(fd);
  enum Strike action = strike("close", path, NULL, 0, 1, 0);
  int error = errno;
  paths[fd][0] = 0;
  int result = REAL(close)(fd); // Linux closes it even when it reports an error.
  AFTER(action);
  if (action == Fail) {
    errno = error;
    return -1;
  }
  return result;
}

ssize_t read(int fd, void *out, size_t count) {
  const char *path = pathOf(fd);
  if (!path)
    return REAL(read)(fd, out, count);
  enum Strike action = strike("read", path, NULL, (long)count, 1, 1);
  if (action == Fail)
    return -1;
  ssize_t got = REAL(read)(fd, out, action == Short && count > 1 ? count / 2 : count);
  AFTER(action);
  return got;
}

ssize_t pread(int fd, void *out, size_t count, off_t offset) {
  const char *path = pathOf(fd);
  if (!path)
    return REAL(pread)(fd, out, count, offset);
  enum Strike action = strike("pread", path, NULL, (long)count, 1, 1);
  if (action == Fail)
    return -1;
  ssize_t got = REAL(pread)(fd, out, action == Short && count > 1 ? count / 2 : count, offset);
  AFTER(action);
  return got;
}
ssize_t pread64(int fd, void *out, size_t count, off_t offset) {
  return pread(fd, out, count, offset);
}

ssize_t write(int fd, const void *from, size_t count) {
  const char *path = pathOf(fd);
  if (!path)
    return REAL(write)(fd, from, count);
  enum Strike action = strike("write", path, NULL, (long)count, 1, 1);
  if (action == Fail)
    return -1;
  ssize_t put = REAL(write)(fd, from, action == Short && count > 1 ? count / 2 : count);
  AFTER(action);
  return put;
}

int fsync(int fd) {
  const char *path = pathOf(fd);
  if (!path)
    return REAL(fsync)(fd);
  enum Strike action = strike("fsync", path, NULL, 0, 1, 0);
  if (action == Fail)
    return -1;
  int result = REAL(fsync)(fd);
  AFTER(action);
  return result;
}

int ftruncate(int fd, off_t size) {
  const char *path = pathOf(fd);
  if (!path)
    return REAL(ftruncate)(fd, size);
  enum Strike action = strike("ftruncate", path, NULL, (long)size, 1, 0);
  if (action == Fail)
    return -1;
  int result = REAL(ftruncate)(fd, size);
  AFTER(action);
  return result;
}

void *mmap(void *at, size_t count, int protection, int flags, int fd, off_t offset) {
  const char *path = pathOf(fd);
  // Called before dlsym works, by allocators: the system call itself then.
  if (!path)
    return (void *)syscall(SYS_mmap, at, count, protection, flags, fd, offset);
  enum Strike action = strike("mmap", path, NULL, (long)count, 0, 0);
  if (action == Fail)
    return MAP_FAILED;
  void *result = (void *)syscall(SYS_mmap, at, count, protection, flags, fd, offset);
  AFTER(action);
  return result;
}

int rename(const char *from, const char *to) {
  if (!covers(from) && !covers(to))
    return REAL(rename)(from, to);
  enum Strike action = strike("rename", from, to, 0, 0, 0);
  if (action == Fail)
    return -1;
  int result = REAL(rename)(from, to);
  AFTER(action);
  return result;
}

int linkat(int fromFd, const char *from, int toFd, const char *to, int flags) {
  if (!covers(to))
    return REAL(linkat)(fromFd, from, toFd, to, flags);
  enum Strike action = strike("linkat", to, from, 0, 0, 0);
  if (action == Fail)
    return -1;
  int result = REAL(linkat)(fromFd, from, toFd, to, flags);
  AFTER(action);
  return result;
}

int renameat2(int fromFd, const char *from, int toFd, const char *to, unsigned flags) {
  if (!covers(from) && !covers(to))
    return REAL(renameat2)(fromFd, from, toFd, to, flags);
  enum Strike action = strike("renameat2", from, to, 0, 0, 0);
  if (action == Fail)
    return -1;
  int result = REAL(renameat2)(fromFd, from, toFd, to, flags);
  AFTER(action);
  return result;
}

#define PATH_CALL(name, parameters, arguments)                                                 \
  int name parameters {                                                                        \
    if (!covers(path))                                                                         \
      return REAL(name) arguments;                                                             \
    enum Strike action = strike(#name, path, NULL, 0, 0, 0);                                   \
    if (action == Fail)                                                                        \
      return -1;                                                                               \
    int result = REAL(name) arguments;                                                         \
    AFTER(action);                                                                             \
    return result;                                                                             \
  }
PATH_CALL(unlink, (const char *path), (path))
PATH_CALL(rmdir, (const char *path), (path))
PATH_CALL(mkdir, (const char *path, mode_t bits), (path, bits))

DIR *opendir(const char *path) {
  if (!covers(path))
    return REAL(opendir)(path);
  enum Strike action = strike("opendir", path, NULL, 0, 0, 0);
  if (action == Fail)
    return NULL;
  DIR *result = REAL(opendir)(path);
  AFTER(action);
  return result;
}
