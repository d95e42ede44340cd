// The system's clock as somebody sets it: ahead by so many seconds as stand in the file that SET_CLOCK
// names. Preloaded into a process; other clocks go on as they are.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    const char *name = getenv("SET_CLOCK");
    if (result != 0 || clock != CLOCK_REALTIME || name == NULL) return result;
    char text[32] = {0};
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atol(text);
        close(file);
    }
    return result;
}
