/* Makes calls on the database's files fail while the file that FAULT_FILE names is there. It holds the
 * call, `read`, `write` or `sync`, and the number of the error. `room` is a full disk: writes fail while the reserve
 * stands beside the database, and the reserve cannot be made. Preloaded into a server by faults.rs and by
 * the tests in a browser. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int ordered(char wanted[32]) {
    const char *order = getenv("FAULT_FILE");
    int error = 0;
    FILE *file = order ? fopen(order, "r") : NULL;
    if (!file)
        return 0;
    if (fscanf(file, "%31s %d", wanted, &error) != 2)
        error = 0;
    fclose(file);
    return error;
}

static int fault(int fd, const char *call) {
    char link[64], path[4096], wanted[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    char *name = strstr(path, "control-plane.db");
    if (!name)
        return 0;
    int error = ordered(wanted);
    if (error && !strcmp(wanted, "room") && !strcmp(call, "write")) {
        strcpy(name, "reserve");
        return access(path, F_OK) ? 0 : error;
    }
    return error && !strcmp(wanted, call) ? error : 0;
}

int open64(const char *path, int flags, ...) {
    char wanted[32];
    size_t length = strlen(path), end = strlen("/reserve.partial");
    if ((flags & O_CREAT) && length > end && !strcmp(path + length - end, "/reserve.partial")) {
        int error = ordered(wanted);
        if (error && !strcmp(wanted, "room")) {
            errno = error;
            return -1;
        }
    }
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    return next(path, flags, mode);
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

ssize_t pread(int fd, void *bytes, size_t count, off_t at) {
    UNLESS_FAULTY("read")
    ssize_t (*next)(int, void *, size_t, off_t) = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    return next(fd, bytes, count, at);
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
    UNLESS_FAULTY("read")
    ssize_t (*next)(int, void *, size_t, off64_t) =
        (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
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
