/* A disk that is full, slow or failing, and a clock that is wrong: LD_PRELOAD of this. What is wrong is said, while the
   program runs, by four numbers in the file that FAULTS_CONTROL names. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t clock_ms;   /* what the clock is ahead */
    int64_t sync_ms;    /* what a synchronisation takes longer */
    int64_t sync_fails; /* whether it fails */
    int64_t full;       /* whether nothing can be written to a file */
};

static const struct control nothing;
static const volatile struct control *control = &nothing;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(0, sizeof(struct control), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        control = mapped;
    close(file);
}

/* The first three are what the program says, not what it keeps. */
static int is_full(int file)
{
    struct stat about;
    return control->full && file > 2 && fstat(file, &about) == 0 && S_ISREG(about.st_mode);
}

static int synchronise(long call, int file)
{
    if (control->sync_ms) {
        struct timespec time = {control->sync_ms / 1000, control->sync_ms % 1000 * 1000000};
        nanosleep(&time, 0);
    }
    if (control->sync_fails) {
        errno = EIO;
        return -1;
    }
    return syscall(call, file);
}

int fsync(int file) { return synchronise(SYS_fsync, file); }
int fdatasync(int file) { return synchronise(SYS_fdatasync, file); }

#define UNLESS_FULL(call)                                                                                              \
    do {                                                                                                               \
        if (is_full(file)) {                                                                                           \
            errno = ENOSPC;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return call;                                                                                                   \
    } while (0)

ssize_t write(int file, const void *bytes, size_t length) { UNLESS_FULL(syscall(SYS_write, file, bytes, length)); }
ssize_t writev(int file, const struct iovec *parts, int count) { UNLESS_FULL(syscall(SYS_writev, file, parts, count)); }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at)
{
    UNLESS_FULL(syscall(SYS_pwrite64, file, bytes, length, at));
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at)
{
    UNLESS_FULL(syscall(SYS_pwrite64, file, bytes, length, at));
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) {
        int64_t ms = time->tv_nsec / 1000000 + control->clock_ms;
        int64_t seconds = ms / 1000, rest = ms % 1000;
        if (rest < 0) {
            rest += 1000;
            seconds -= 1;
        }
        time->tv_sec += seconds;
        time->tv_nsec = rest * 1000000 + time->tv_nsec % 1000000;
    }
    return result;
}
