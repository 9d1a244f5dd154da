/*
 * A fault on purpose, loaded before the C library of a node by tests/crash/run --faulty-folder: fsync
 * of the folder of attachments, by which the name of a finished file becomes durable, says that all is
 * well and does nothing. Every file is synced as ever.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd)
{
    static const char name[] = "/attachments";
    char link[64], path[PATH_MAX];
    long bytes;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    bytes = syscall(SYS_readlinkat, -1, link, path, sizeof path - 1);
    path[bytes < 0 ? 0 : bytes] = 0;
    if (strlen(path) >= sizeof name - 1
        && strcmp(path + strlen(path) - (sizeof name - 1), name) == 0)
        return 0;
    return (int)syscall(SYS_fsync, fd);
}
