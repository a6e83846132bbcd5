/* A C library in which the n-th operation on files below a folder fails, or is the last that the process lives to do.

   Preloaded into a process (LD_PRELOAD), it counts what the process asks of files whose path begins with a prefix:
   opening, reading, writing, renaming, removing, making folders, syncing. Python, GDAL, SQLite, Arrow and Pillow all
   come through here. The counters lie in shared memory, where a parent finds them after its child has died. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT = 0, ONCE = 1, ONWARD = 2, KILL = 3, TORN = 4 };
enum kind { READS, WRITES, NAMES, SYNCS };

static struct state {
    int armed, mode, target, count, shards, hit;
    char root[PATH_MAX], what[PATH_MAX + 64];
} *s;

__attribute__((constructor)) static void begin(void) {
    s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void fault_arm(const char *root, int mode, int target) {
    memset(s, 0, sizeof *s);
    strncpy(s->root, root, PATH_MAX - 1);
    s->mode = mode;
    s->target = target;
    s->armed = 1;
}
void fault_disarm(void) { s->armed = 0; }
int fault_count(void) { return s->count; }
int fault_shards(void) { return s->shards; }
int fault_hit(void) { return s->hit; }
const char *fault_what(void) { return s->what; }

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })

static int below(const char *path) { return path && !strncmp(path, s->root, strlen(s->root)); }

static const char *absolute(int at, const char *path, char *room) {
    if (!path || path[0] == '/') return path;
    char link[64], folder[PATH_MAX];
    ssize_t n;
    if (at == AT_FDCWD) {
        if (!getcwd(folder, sizeof folder)) return NULL;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        if ((n = readlink(link, folder, sizeof folder - 1)) < 0) return NULL;
        folder[n] = 0;
    }
    snprintf(room, 2 * PATH_MAX, "%s/%s", folder, path);
    return room;
}

/* Nonzero: the operation fails with this errno. TORN asks the caller to do half of it first: -1. */
static int due(enum kind kind, const char *name, const char *path) {
    if (!s || !s->armed || !below(path)) return 0;
    int number = __sync_add_and_fetch(&s->count, 1);
    if (number < s->target || s->mode == COUNT) return 0;
    if (number > s->target && (s->mode != ONWARD || kind != WRITES)) return 0;
    if (number == s->target) {
        s->hit = 1;
        snprintf(s->what, sizeof s->what, "%s %s", name, path);
    }
    if (s->mode == KILL) raise(SIGKILL);
    if (s->mode == TORN) {
        if (kind == WRITES) return -1;
        raise(SIGKILL);
    }
    return kind == WRITES ? ENOSPC : kind == NAMES ? EACCES : EIO;
}

static int due_fd(enum kind kind, const char *name, int fd) {
    if (!s || !s->armed) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return due(kind, name, path);
}

#define REFUSE(error, value) do { int e_ = (error); if (e_) { errno = e_; return value; } } while (0)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
        char room[2 * PATH_MAX]; \
        int e = due(flags & (O_CREAT | O_TMPFILE) ? NAMES : READS, "open", absolute(AT_FDCWD, path, room)); \
        if (e) { if (e == -1) raise(SIGKILL); errno = e; return -1; } \
        return REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
        char room[2 * PATH_MAX]; \
        REFUSE(due(flags & (O_CREAT | O_TMPFILE) ? NAMES : READS, "openat", absolute(at, path, room)), -1); \
        return REAL(name)(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *how) { \
        char room[2 * PATH_MAX]; \
        REFUSE(due(how[0] == 'r' ? READS : NAMES, "fopen", absolute(AT_FDCWD, path, room)), NULL); \
        return REAL(name)(path, how); \
    }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int fd, const void *data, size_t size) {
    int e = due_fd(WRITES, "write", fd);
    if (e == -1) { REAL(write)(fd, data, size / 2); raise(SIGKILL); }
    REFUSE(e, -1);
    return REAL(write)(fd, data, size);
}

#define PWRITE(name, offset_t) \
    ssize_t name(int fd, const void *data, size_t size, offset_t at) { \
        int e = due_fd(WRITES, "pwrite", fd); \
        if (e == -1) { REAL(name)(fd, data, size / 2, at); raise(SIGKILL); } \
        REFUSE(e, -1); \
        return REAL(name)(fd, data, size, at); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    int e = s && s->armed ? due_fd(WRITES, "fwrite", fileno(file)) : 0;
    if (e == -1) { REAL(fwrite)(data, size, count / 2, file); fflush(file); raise(SIGKILL); }
    REFUSE(e, 0);
    return REAL(fwrite)(data, size, count, file);
}

size_t fread(void *data, size_t size, size_t count, FILE *file) {
    REFUSE(s && s->armed ? due_fd(READS, "fread", fileno(file)) : 0, 0);
    return REAL(fread)(data, size, count, file);
}

ssize_t read(int fd, void *data, size_t size) {
    REFUSE(due_fd(READS, "read", fd), -1);
    return REAL(read)(fd, data, size);
}

#define PREAD(name, offset_t) \
    ssize_t name(int fd, void *data, size_t size, offset_t at) { \
        REFUSE(due_fd(READS, "pread", fd), -1); \
        return REAL(name)(fd, data, size, at); \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define ON_FD(name, kind, parameters, arguments) \
    int name parameters { REFUSE(due_fd(kind, #name, fd), -1); return REAL(name) arguments; }
ON_FD(fsync, SYNCS, (int fd), (fd))
ON_FD(fdatasync, SYNCS, (int fd), (fd))
ON_FD(ftruncate, WRITES, (int fd, off_t size), (fd, size))
ON_FD(ftruncate64, WRITES, (int fd, off64_t size), (fd, size))

int posix_fallocate(int fd, off_t at, off_t size) {
    int e = due_fd(WRITES, "posix_fallocate", fd);
    return e ? (e == -1 ? (raise(SIGKILL), EIO) : e) : REAL(posix_fallocate)(fd, at, size);
}

static int renamed(const char *to, int result) {
    size_t n = strlen(to);
    if (!result && s && s->armed && n > 4 && !strcmp(to + n - 4, ".zip")) __sync_add_and_fetch(&s->shards, 1);
    return result;
}

int rename(const char *from, const char *to) {
    char room[2 * PATH_MAX];
    REFUSE(due(NAMES, "rename", absolute(AT_FDCWD, to, room)), -1);
    return renamed(to, REAL(rename)(from, to));
}

int renameat(int at, const char *from, int into, const char *to) {
    char room[2 * PATH_MAX];
    REFUSE(due(NAMES, "renameat", absolute(into, to, room)), -1);
    return renamed(to, REAL(renameat)(at, from, into, to));
}

int renameat2(int at, const char *from, int into, const char *to, unsigned int flags) {
    char room[2 * PATH_MAX];
    REFUSE(due(NAMES, "renameat2", absolute(into, to, room)), -1);
    return REAL(renameat2)(at, from, into, to, flags);
}

#define ON_PATH(name, parameters, arguments) \
    int name parameters { \
        char room[2 * PATH_MAX]; \
        REFUSE(due(NAMES, #name, absolute(AT_FDCWD, path, room)), -1); \
        return REAL(name) arguments; \
    }
ON_PATH(unlink, (const char *path), (path))
ON_PATH(rmdir, (const char *path), (path))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(chmod, (const char *path, mode_t mode), (path, mode))

int unlinkat(int at, const char *path, int flags) {
    char room[2 * PATH_MAX];
    REFUSE(due(NAMES, "unlinkat", absolute(at, path, room)), -1);
    return REAL(unlinkat)(at, path, flags);
}
