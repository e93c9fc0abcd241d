/* Makes the k-th write or sync of certain files fail, in the log's writer alone.
 *
 * SOAK_FAULT   CALLS:K:ERRNO:MODE:SUFFIX   CALLS is write or sync; ERRNO 0 makes a write a short one; MODE is once or
 *              always; SUFFIX counts only calls on the file with that suffix (-wal), or . for the database, * for all.
 * SOAK_STORE   The path of the database: only files whose names begin with it count.
 * SOAK_FIRED   A file that is written to when the fault has struck.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char calls[8], mode[8], suffix[32];
static int due, error, seen, struck;

/* Whether this process is the writer: what else a server starts inherits the preload too. */
static int writes_the_log(void) {
    char line[4096] = "";
    int in = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
    ssize_t size = syscall(SYS_read, in, line, sizeof line - 1);
    syscall(SYS_close, in);
    for (ssize_t at = 0; at < size; at++)
        if (!strncmp(line + at, "sqlite_writer", 13)) return 1;
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *plan = getenv("SOAK_FAULT");
    if (!plan || !writes_the_log() || sscanf(plan, "%7[^:]:%d:%d:%7[^:]:%31s", calls, &due, &error, mode, suffix) != 5) calls[0] = 0;
}

static int counts(int fd) {
    char link[64], path[4096];
    const char *store = getenv("SOAK_STORE");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = store ? readlink(link, path, sizeof path - 1) : -1;
    if (size < 0) return 0;
    path[size] = 0;
    if (strncmp(path, store, strlen(store))) return 0;
    const char *rest = path + strlen(store);
    return suffix[0] == '*' || !strcmp(rest, suffix[0] == '.' ? "" : suffix);
}

/* Whether this call is to fail. */
static int fails(const char *kind, int fd) {
    if (strcmp(kind, calls) || (struck && strcmp(mode, "always")) || !counts(fd)) return 0;
    if (!struck && ++seen < due) return 0;
    if (!struck) {
        int out = syscall(SYS_openat, AT_FDCWD, getenv("SOAK_FIRED"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        syscall(SYS_write, out, "struck\n", 7);
        syscall(SYS_close, out);
    }
    struck = 1;
    return 1;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL return errno = error, -1

#define WRITES(name, parameters, ...)                                       \
    ssize_t name parameters {                                               \
        REAL(name);                                                         \
        int first = !struck;                                                \
        if (!fails("write", fd)) return real(__VA_ARGS__);                  \
        if (error) FAIL;                                                    \
        if (!first) return errno = ENOSPC, -1; /* the disk is full now */   \
        size /= 2;                                                          \
        return real(__VA_ARGS__);                                           \
    }

#define SYNCS(name)                                                         \
    int name(int fd) {                                                      \
        REAL(name);                                                         \
        if (fails("sync", fd)) FAIL;                                        \
        return real(fd);                                                    \
    }

WRITES(write, (int fd, const void *data, size_t size), fd, data, size)
WRITES(pwrite, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
WRITES(pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
SYNCS(fsync)
SYNCS(fdatasync)
