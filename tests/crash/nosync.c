/*
 * A fault on purpose, loaded before the C library of a node by tests/crash/run --faulty: fdatasync,
 * which is what File::sync_data calls, says that all is well and does nothing. So does
 * sync_file_range, by which the store's engine writes out what it has: where the file does not grow
 * that alone brings data to this disk, which has no cache of its own, and would hide the fault.
 * fsync stays, so that there is a store at all; the engine calls it twice a second.
 *
 * With -DLATE_US=N it syncs N microseconds after the first call that was not synced, when the node
 * has long answered.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned int flags)
{
    (void)offset;
    (void)bytes;
    (void)flags;
    return fd < 0 ? -1 : 0;
}

#ifdef LATE_US
static atomic_flag due = ATOMIC_FLAG_INIT;

static void *sync_late(void *descriptor)
{
    int fd = (int)(intptr_t)descriptor;
    usleep(LATE_US);
    atomic_flag_clear(&due);
    syscall(SYS_fdatasync, fd);
    close(fd);
    return NULL;
}

int fdatasync(int fd)
{
    pthread_t thread;
    int own;
    if (atomic_flag_test_and_set(&due))
        return 0;
    own = dup(fd);
    if (own < 0)
        return -1;
    if (pthread_create(&thread, NULL, sync_late, (void *)(intptr_t)own) != 0)
        return -1;
    return pthread_detach(thread) == 0 ? 0 : -1;
}
#else
int fdatasync(int fd)
{
    return fd < 0 ? -1 : 0;
}
#endif
