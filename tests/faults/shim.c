/* Fails, cuts short or kills at the n-th system call on files below a folder, in all processes together.
 *
 * Loaded by LD_PRELOAD; x86-64 or any other Linux with glibc. What to do stands in a file that every process maps
 * (struct plan): the test writes it before each trial. FAULTS_PLAN names the file, FAULTS_ROOT the folder,
 * FAULTS_NOTES a folder for the files log and journal, and for files that have lost their names (see power.py).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

struct plan {
    uint64_t count; /* calls so far */
    uint64_t at;    /* the fault comes at this call, or the first after it that it fits; 0: never */
    uint64_t kind;
    uint64_t fired; /* the call at which it came */
    uint64_t dead;  /* the power is cut: whoever calls next is killed */
    uint64_t main;  /* process that a power cut ends at once, with its group */
    uint64_t notes; /* LOG: a line for each call; JOURNAL: all that a power cut may undo */
};

enum { NONE, FAIL_EIO, FAIL_ENOSPC, FAIL_EMFILE, FAIL_ENOMEM, SHORT, FULL, KILL_BEFORE, KILL_AFTER, POWER };
enum { LOG = 1, JOURNAL = 2 };
enum { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, NAME = 16, MAP = 32, MAKE = 64 };

/* Calls that each kind of fault fits. */
static const int fits[] = {
    [NONE] = 0,
    [FAIL_EIO] = OPEN | READ | WRITE | SYNC | NAME,
    [FAIL_ENOSPC] = WRITE | MAKE,
    [FAIL_EMFILE] = OPEN,
    [FAIL_ENOMEM] = MAP,
    [SHORT] = READ | WRITE,
    [FULL] = WRITE | MAKE,
    [KILL_BEFORE] = 127,
    [KILL_AFTER] = 127,
    [POWER] = 127,
};
static const int says[] = {[FAIL_EIO] = EIO, [FAIL_ENOSPC] = ENOSPC, [FAIL_EMFILE] = EMFILE,
                           [FAIL_ENOMEM] = ENOMEM, [FULL] = ENOSPC};

static struct plan *plan;
static char root[PATH_MAX];
static size_t root_length;
static int log_file = -1, journal_file = -1;
static char notes[PATH_MAX];

static int open_aside(const char *path)
{
    int low = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int high = fcntl(low, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, low);
    return high;
}

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("FAULTS_PLAN"), *below = getenv("FAULTS_ROOT");
    if (!at || !below)
        return;
    root_length = strlen(below);
    memcpy(root, below, root_length + 1);
    char path[PATH_MAX + 16];
    snprintf(notes, sizeof notes, "%s", getenv("FAULTS_NOTES"));
    snprintf(path, sizeof path, "%s/log", notes);
    log_file = open_aside(path);
    snprintf(path, sizeof path, "%s/journal", notes);
    journal_file = open_aside(path);
    int file = syscall(SYS_openat, AT_FDCWD, at, O_RDWR | O_CLOEXEC, 0);
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (mapped != MAP_FAILED)
        plan = mapped;
}

static void write_line(int file, const char *form, ...)
{
    char line[3 * PATH_MAX];
    va_list values;
    va_start(values, form);
    int n = vsnprintf(line, sizeof line, form, values);
    va_end(values);
    syscall(SYS_write, file, line, n);
}

static void die(void)
{
    if (plan->dead)
        syscall(SYS_kill, -(pid_t)plan->main, SIGKILL);
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

/* The absolute path of a name; empty where it is not below the root. */
static void resolve(int folder, const char *name, char *path)
{
    char link[64];
    ssize_t n = 0;
    path[0] = 0;
    if (!plan || !name)
        return;
    if (name[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
        if (n < 0)
            n = 0;
        if (name[0])
            path[n++] = '/';
    }
    snprintf(path + n, PATH_MAX - n, "%s", name);
    if (strncmp(path, root, root_length))
        path[0] = 0;
}

static void resolve_file(int file, char *path) { resolve(file, "", path); }

/* Count a call; return the kind of fault that comes with it. */
static int step(int call, const char *name, const char *path)
{
    int saved = errno;
    if (!plan || !path[0])
        return NONE;
    if (plan->dead)
        die();
    uint64_t n = __atomic_add_fetch(&plan->count, 1, __ATOMIC_SEQ_CST);
    if (plan->notes & LOG)
        write_line(log_file, "%lu %d %d %s %s\n", n, getpid(), call, name, path);
    int kind = plan->kind, comes = plan->at && n >= plan->at && (fits[kind] & call);
    if (comes && (kind != FULL || !plan->fired)) {
        uint64_t none = 0;
        comes = __atomic_compare_exchange_n(&plan->fired, &none, n, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (comes && kind == KILL_BEFORE)
        die();
    if (comes && kind == POWER) {
        plan->dead = 1;
        die();
    }
    errno = saved;
    return comes ? kind : NONE;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) \
        real = dlsym(RTLD_NEXT, #name)
#define FAILS(kind) (says[kind])
#define LEAVE(kind, value) \
    do { \
        int saved_ = errno; \
        if ((kind) == KILL_AFTER) \
            die(); \
        errno = saved_; \
        return value; \
    } while (0)

static unsigned long find_inode(const char *path)
{
    struct stat found;
    return syscall(SYS_newfstatat, AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) ? 0 : found.st_ino;
}

static int is_noted(const char *path) { return path[0] && (plan->notes & JOURNAL); }

/* Keep a file that is about to lose a name; return its number among the kept, 0 where there is none. */
static unsigned long keep(const char *path)
{
    char kept[PATH_MAX + 64];
    unsigned long inode = find_inode(path);
    if (!inode)
        return 0;
    snprintf(kept, sizeof kept, "%s/%lu", notes, inode);
    syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0);
    return inode;
}

static int open_noted(const char *path, int flags, int result, unsigned long before)
{
    if (result >= 0 && is_noted(path) && (flags & O_CREAT) && !before)
        write_line(journal_file, "create\t%lu\t%s\n", find_inode(path), path);
    else if (result >= 0 && is_noted(path) && (flags & O_TRUNC))
        write_line(journal_file, "truncate\t%lu\t0\n", find_inode(path));
    return result;
}

static int do_open(int folder, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    resolve(folder, name, path);
    int kind = step(OPEN | (flags & O_CREAT ? MAKE : 0), "open", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    unsigned long before = is_noted(path) ? find_inode(path) : 0;
    int result = syscall(SYS_openat, folder, name, flags, mode);
    LEAVE(kind, open_noted(path, flags, result, before));
}

static mode_t find_mode(int flags, va_list values)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(values, mode_t) : 0;
}

#define OPENER(name, parameters, folder) \
    int name parameters \
    { \
        va_list values; \
        va_start(values, flags); \
        mode_t mode = find_mode(flags, values); \
        va_end(values); \
        return do_open(folder, path, flags, mode); \
    }
OPENER(open, (const char *path, int flags, ...), AT_FDCWD)
OPENER(open64, (const char *path, int flags, ...), AT_FDCWD)
OPENER(openat, (int folder, const char *path, int flags, ...), folder)
OPENER(openat64, (int folder, const char *path, int flags, ...), folder)
int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }

static size_t cut(int kind, size_t n) { return kind == SHORT && n > 1 ? n / 2 : n; }

static ssize_t do_read(int file, void *bytes, size_t n, off_t offset, int is_placed)
{
    char path[PATH_MAX];
    resolve_file(file, path);
    int kind = step(READ, "read", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    n = cut(kind, n);
    ssize_t result = is_placed ? syscall(SYS_pread64, file, bytes, n, offset) : syscall(SYS_read, file, bytes, n);
    LEAVE(kind, result);
}

ssize_t read(int file, void *bytes, size_t n) { return do_read(file, bytes, n, 0, 0); }
ssize_t __read_chk(int file, void *bytes, size_t n, size_t room) { return do_read(file, bytes, n, 0, 0); }
ssize_t pread(int file, void *bytes, size_t n, off_t offset) { return do_read(file, bytes, n, offset, 1); }
ssize_t pread64(int file, void *bytes, size_t n, off64_t offset) { return do_read(file, bytes, n, offset, 1); }
ssize_t __pread64_chk(int file, void *bytes, size_t n, off64_t offset, size_t room)
{
    return do_read(file, bytes, n, offset, 1);
}

size_t fread(void *bytes, size_t size, size_t n, FILE *stream)
{
    REAL(fread);
    char path[PATH_MAX];
    resolve_file(fileno(stream), path);
    int kind = step(READ, "fread", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return 0;
    }
    LEAVE(kind, real(bytes, size, cut(kind, n), stream));
}

static ssize_t do_write(int file, const void *bytes, size_t n, off_t offset, int is_placed)
{
    char path[PATH_MAX];
    struct stat found;
    resolve_file(file, path);
    int kind = step(WRITE, "write", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    n = cut(kind, n);
    off_t at = is_placed ? offset : lseek(file, 0, SEEK_CUR);
    ssize_t result =
        is_placed ? syscall(SYS_pwrite64, file, bytes, n, offset) : syscall(SYS_write, file, bytes, n);
    if (result > 0 && is_noted(path) && !fstat(file, &found))
        write_line(journal_file, "write\t%lu\t%ld\t%ld\n", found.st_ino, (long)at, (long)result);
    LEAVE(kind, result);
}

ssize_t write(int file, const void *bytes, size_t n) { return do_write(file, bytes, n, 0, 0); }
ssize_t pwrite(int file, const void *bytes, size_t n, off_t offset) { return do_write(file, bytes, n, offset, 1); }
ssize_t pwrite64(int file, const void *bytes, size_t n, off64_t offset)
{
    return do_write(file, bytes, n, offset, 1);
}

static int do_sync(int file, long number)
{
    char path[PATH_MAX];
    struct stat found;
    resolve_file(file, path);
    int kind = step(SYNC, "fsync", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    int result = syscall(number, file);
    if (!result && is_noted(path) && !fstat(file, &found))
        write_line(journal_file, "sync\t%lu\t%s\n", found.st_ino, S_ISDIR(found.st_mode) ? path : "");
    LEAVE(kind, result);
}

int fsync(int file) { return do_sync(file, SYS_fsync); }
int fdatasync(int file) { return do_sync(file, SYS_fdatasync); }

static int do_truncate(int file, const char *name, off_t length)
{
    char path[PATH_MAX];
    name ? resolve(AT_FDCWD, name, path) : resolve_file(file, path);
    int kind = step(WRITE, "truncate", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    int result = name ? syscall(SYS_truncate, name, length) : syscall(SYS_ftruncate, file, length);
    if (!result && is_noted(path))
        write_line(journal_file, "truncate\t%lu\t%ld\n", find_inode(path), (long)length);
    LEAVE(kind, result);
}

int truncate(const char *name, off_t length) { return do_truncate(-1, name, length); }
int truncate64(const char *name, off64_t length) { return do_truncate(-1, name, length); }
int ftruncate(int file, off_t length) { return do_truncate(file, NULL, length); }
int ftruncate64(int file, off64_t length) { return do_truncate(file, NULL, length); }

static int do_rename(int old_folder, const char *old_name, int folder, const char *name)
{
    char old_path[PATH_MAX], path[PATH_MAX];
    unsigned long kept = 0;
    resolve(old_folder, old_name, old_path);
    resolve(folder, name, path);
    int kind = step(NAME | MAKE, "rename", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    if (is_noted(path))
        kept = keep(path);
    int result = syscall(SYS_renameat2, old_folder, old_name, folder, name, 0);
    if (!result && is_noted(path))
        write_line(journal_file, "rename\t%s\t%s\t%lu\n", old_path, path, kept);
    LEAVE(kind, result);
}

int rename(const char *old_name, const char *name) { return do_rename(AT_FDCWD, old_name, AT_FDCWD, name); }
int renameat(int old_folder, const char *old_name, int folder, const char *name)
{
    return do_rename(old_folder, old_name, folder, name);
}

static int do_mkdir(int folder, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    resolve(folder, name, path);
    int kind = step(NAME | MAKE, "mkdir", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    int result = syscall(SYS_mkdirat, folder, name, mode);
    if (!result && is_noted(path))
        write_line(journal_file, "mkdir\t%s\n", path);
    LEAVE(kind, result);
}

int mkdir(const char *name, mode_t mode) { return do_mkdir(AT_FDCWD, name, mode); }
int mkdirat(int folder, const char *name, mode_t mode) { return do_mkdir(folder, name, mode); }

static int do_unlink(int folder, const char *name, int flags)
{
    char path[PATH_MAX];
    unsigned long kept = 0;
    resolve(folder, name, path);
    int kind = step(NAME, flags & AT_REMOVEDIR ? "rmdir" : "unlink", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    if (is_noted(path) && !(flags & AT_REMOVEDIR))
        kept = keep(path);
    int result = syscall(SYS_unlinkat, folder, name, flags);
    if (!result && is_noted(path))
        write_line(journal_file, flags & AT_REMOVEDIR ? "rmdir\t%s\n" : "unlink\t%s\t%lu\n", path, kept);
    LEAVE(kind, result);
}

int unlink(const char *name) { return do_unlink(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return do_unlink(AT_FDCWD, name, AT_REMOVEDIR); }
int unlinkat(int folder, const char *name, int flags) { return do_unlink(folder, name, flags); }

DIR *opendir(const char *name)
{
    REAL(opendir);
    char path[PATH_MAX];
    resolve(AT_FDCWD, name, path);
    int kind = step(OPEN, "opendir", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return NULL;
    }
    LEAVE(kind, real(name));
}

DIR *fdopendir(int file)
{
    REAL(fdopendir);
    char path[PATH_MAX];
    resolve_file(file, path);
    int kind = step(READ, "fdopendir", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return NULL;
    }
    LEAVE(kind, real(file));
}

int flock(int file, int operation)
{
    char path[PATH_MAX];
    resolve_file(file, path);
    int kind = step(SYNC, "flock", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return -1;
    }
    LEAVE(kind, syscall(SYS_flock, file, operation));
}

static void *do_mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    char path[PATH_MAX] = "";
    if (file >= 0)
        resolve_file(file, path);
    int kind = step(MAP, "mmap", path);
    if (FAILS(kind)) {
        errno = FAILS(kind);
        return MAP_FAILED;
    }
    LEAVE(kind, (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset));
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    return do_mmap(address, length, protection, flags, file, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int file, off64_t offset)
{
    return do_mmap(address, length, protection, flags, file, offset);
}
