/* Preloaded into the writer: lets the k-th write or sync of a file fail; every sync after that is noted.

   FAULT_CALL  "write" or "sync"
   FAULT_AT    which one fails, 1 for the first
   FAULT_ERRNO the error
   FAULT_NOTES a file that gets a line "failed", then a line "sync" for each sync that still follows */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls;
static int failed;

static void note(const char *line) {
    int file = open(getenv("FAULT_NOTES"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) {
        ssize_t ignored = write(file, line, strlen(line));
        (void)ignored;
        close(file);
    }
}

static int fails(const char *call, int file) {
    struct stat found;
    if (fstat(file, &found) || !S_ISREG(found.st_mode))
        return 0; /* SQLite does not mind when a folder cannot be synced */
    if (failed && !strcmp(call, "sync"))
        note("sync\n");
    if (failed || strcmp(call, getenv("FAULT_CALL")) || ++calls != atol(getenv("FAULT_AT")))
        return 0;
    failed = 1;
    note("failed\n");
    errno = atoi(getenv("FAULT_ERRNO"));
    return 1;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int fsync(int file) {
    REAL(fsync);
    return fails("sync", file) ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return fails("sync", file) ? -1 : real(file);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
    REAL(pwrite);
    return fails("write", file) ? -1 : real(file, data, size, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    REAL(pwrite64);
    return fails("write", file) ? -1 : real(file, data, size, offset);
}
