/*
 * Faults on purpose, loaded before the C library of a node. Beside this library lie small files:
 *
 *   NAME.so.plan   one line: what happens, to which call, to how-manieth, on which path, such as
 *                  `EIO sync 3 /store/db`. Calls are write, sync, rename, open and unlink; a path is
 *                  meant if it contains the text, or, where that has a `*`, what stands before it,
 *                  and ends with what stands behind it. They are counted from when the plan is there;
 *                  those of a second line from when the call of the first has come, whose action is
 *                  `pass`.
 *                  EIO and ENOSPC let that one call fail, and later ones succeed; `before` and
 *                  `after` let it never return, so that the power can be cut at a known instant.
 *   NAME.so.fired  is made when it has happened.
 *   NAME.so.again  gets a line for each fdatasync after a call that failed.
 *   NAME.so.clock  seconds that are added to the time of day.
 *
 * A failed sync is reported once to each open file, as Linux does it: if sled's own thread is the
 * one that hears of it, the next fdatasync of the store hears of it too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static char base[PATH_MAX];
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static atomic_int is_planned, fired, owed, at_step;
static int steps;
static struct {
    char action[16], call[16], part[PATH_MAX];
    atomic_long left;
} plan[2];

static int opened(const char *ending, int flags)
{
    char path[PATH_MAX + 16];
    if (base[0] == 0) {
        Dl_info found;
        if (dladdr((void *)opened, &found) == 0 || found.dli_fname == NULL)
            return -1;
        snprintf(base, sizeof base, "%s", found.dli_fname);
    }
    snprintf(path, sizeof path, "%s.%s", base, ending);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0644);
}

static long contents(const char *ending, char *into, long most)
{
    long bytes;
    int fd = opened(ending, O_RDONLY);
    if (fd < 0)
        return -1;
    bytes = syscall(SYS_read, fd, into, most - 1);
    syscall(SYS_close, fd);
    into[bytes < 0 ? 0 : bytes] = 0;
    return bytes;
}

static int planned(void)
{
    char text[2 * PATH_MAX + 128], *line, *rest = NULL;
    long number = 0;
    if (atomic_load(&is_planned))
        return 1;
    pthread_mutex_lock(&reading);
    if (!atomic_load(&is_planned) && contents("plan", text, sizeof text) > 0) {
        line = strtok_r(text, "\n", &rest);
        for (; line != NULL && steps < 2; line = strtok_r(NULL, "\n", &rest), steps++) {
            if (sscanf(line, "%15s %15s %ld %4095s", plan[steps].action, plan[steps].call, &number,
                    plan[steps].part) != 4)
                abort();
            atomic_store(&plan[steps].left, number);
        }
        atomic_store(&is_planned, 1);
    }
    pthread_mutex_unlock(&reading);
    return atomic_load(&is_planned);
}

/* Finds out where the library lies before there is more than one thread. */
__attribute__((constructor)) static void loaded(void)
{
    int fd = opened("plan", O_RDONLY);
    if (fd >= 0)
        syscall(SYS_close, fd);
}

static void note(const char *ending, const char *line)
{
    int fd = opened(ending, O_WRONLY | O_CREAT | O_APPEND);
    if (fd >= 0) {
        if (syscall(SYS_write, fd, line, strlen(line)) < 0)
            abort();
        syscall(SYS_close, fd);
    }
}

/* Whether a path is one of those that are meant. */
static int names(const char *part, const char *path)
{
    char before[PATH_MAX];
    size_t length = strlen(path), behind;
    const char *star = strchr(part, '*');
    if (star == NULL)
        return strstr(path, part) != NULL;
    snprintf(before, sizeof before, "%.*s", (int)(star - part), part);
    behind = strlen(star + 1);
    return strstr(path, before) != NULL && length >= behind
        && strcmp(path + length - behind, star + 1) == 0;
}

/* Whether this is the call that is meant. */
static int is_meant(const char *name, const char *path)
{
    int at;
    if (!planned())
        return 0;
    at = atomic_load(&at_step);
    if (at >= steps || strcmp(plan[at].call, name) != 0 || !names(plan[at].part, path))
        return 0;
    if (atomic_fetch_sub(&plan[at].left, 1) != 1)
        return 0;
    if (strcmp(plan[at].action, "pass") != 0)
        return 1;
    atomic_store(&at_step, at + 1);
    return 0;
}

/* What happens to the call that is meant. */
static const char *action(void)
{
    return steps > 0 ? plan[steps - 1].action : "";
}

static int is_meant_of(const char *name, int fd)
{
    char link[64], path[PATH_MAX];
    long bytes;
    if (!planned())
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    bytes = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    path[bytes < 0 ? 0 : bytes] = 0;
    return is_meant(name, path);
}

static void stop_here(void)
{
    note("fired", "");
    for (;;)
        pause();
}

/* Does what is planned before the call; gives whether it fails. */
static int fails(void)
{
    if (strcmp(action(), "before") == 0)
        stop_here();
    if (strcmp(action(), "after") == 0)
        return 0;
    note("fired", "");
    atomic_store(&fired, 1);
    errno = strcmp(action(), "ENOSPC") == 0 ? ENOSPC : EIO;
    return 1;
}

/* What the call gives; never, if it is the one after which the power goes. */
static long given(int meant, long result)
{
    if (meant && strcmp(action(), "after") == 0)
        stop_here();
    return result;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

#define WRITING(name, parameters, arguments)                                   \
    ssize_t name parameters                                                    \
    {                                                                          \
        int meant = is_meant_of("write", fd);                                  \
        if (meant && fails())                                                  \
            return -1;                                                         \
        return given(meant, REAL(#name, ssize_t(*) parameters) arguments);     \
    }
WRITING(write, (int fd, const void *from, size_t bytes), (fd, from, bytes))
WRITING(pwrite, (int fd, const void *from, size_t bytes, off_t at), (fd, from, bytes, at))
WRITING(pwrite64, (int fd, const void *from, size_t bytes, off64_t at), (fd, from, bytes, at))

#define SYNCING(name, parameters, arguments)                                   \
    int name parameters                                                        \
    {                                                                          \
        int meant = is_meant_of("sync", fd);                                   \
        if (meant && fails()) {                                                \
            atomic_store(&owed, 1);                                            \
            return -1;                                                         \
        }                                                                      \
        return (int)given(meant, REAL(#name, int (*) parameters) arguments);   \
    }
SYNCING(fsync, (int fd), (fd))
SYNCING(sync_file_range, (int fd, off64_t at, off64_t bytes, unsigned int flags),
    (fd, at, bytes, flags))

int fdatasync(int fd)
{
    int meant = is_meant_of("sync", fd);
    if (meant && fails())
        return -1;
    if (atomic_exchange(&owed, 0)) {
        errno = EIO;
        return -1;
    }
    if (atomic_load(&fired))
        note("again", "fdatasync\n");
    return (int)given(meant, REAL("fdatasync", int (*)(int))(fd));
}

int rename(const char *from, const char *to)
{
    int meant = is_meant("rename", to);
    if (meant && fails())
        return -1;
    return (int)given(meant, REAL("rename", int (*)(const char *, const char *))(from, to));
}

int unlink(const char *path)
{
    int meant = is_meant("unlink", path);
    if (meant && fails())
        return -1;
    return (int)given(meant, REAL("unlink", int (*)(const char *))(path));
}

#define OPENING(name, declared, arguments)                                     \
    int name declared                                                          \
    {                                                                          \
        int mode = 0, meant = is_meant("open", path);                          \
        if (flags & (O_CREAT | O_TMPFILE)) {                                   \
            va_list more;                                                      \
            va_start(more, flags);                                             \
            mode = va_arg(more, int);                                          \
            va_end(more);                                                      \
        }                                                                      \
        if (meant && fails())                                                  \
            return -1;                                                         \
        return (int)given(meant, REAL(#name, int (*) declared) arguments);     \
    }
OPENING(open, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPENING(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

int clock_gettime(clockid_t clock, struct timespec *now)
{
    char text[32];
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && contents("clock", text, sizeof text) > 0)
        now->tv_sec += atol(text);
    return result;
}
