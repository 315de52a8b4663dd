/* Makes calls on the database's files fail while the file that FAULT_FILE names is there. It holds the
 * call, `write` or `sync`, and the number of the error. Preloaded into a server by faults.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fault(int fd, const char *call) {
    const char *order = getenv("FAULT_FILE");
    char link[64], path[4096], wanted[32];
    int error = 0;
    if (!order)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    if (!strstr(path, "control-plane.db"))
        return 0;
    FILE *file = fopen(order, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%31s %d", wanted, &error) != 2 || strcmp(wanted, call))
        error = 0;
    fclose(file);
    return error;
}

#define UNLESS_FAULTY(call)                                                                                            \
    int error = fault(fd, call);                                                                                       \
    if (error) {                                                                                                       \
        errno = error;                                                                                                 \
        return -1;                                                                                                     \
    }

ssize_t write(int fd, const void *bytes, size_t count) {
    UNLESS_FAULTY("write")
    ssize_t (*next)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return next(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    UNLESS_FAULTY("write")
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    return next(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    UNLESS_FAULTY("write")
    ssize_t (*next)(int, const void *, size_t, off64_t) =
        (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return next(fd, bytes, count, at);
}

int fsync(int fd) {
    UNLESS_FAULTY("sync")
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return next(fd);
}

int fdatasync(int fd) {
    UNLESS_FAULTY("sync")
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return next(fd);
}
