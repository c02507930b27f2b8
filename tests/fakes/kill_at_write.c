/* Preloaded into a process of the tests: ends it, as a power failure would, right before the Nth call that changes a file.
 * `arm(n, log)` begins to count; every call is noted in the file descriptor `log`, one letter each. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static long left = -1;
static int note = -1;

void arm(long n, int log) { left = n; note = log; }

static void step(char what)
{
    static ssize_t (*plain)(int, const void *, size_t);
    if (left < 0)
        return;
    if (!plain)
        plain = dlsym(RTLD_NEXT, "write");
    if (left-- == 0)
        kill(getpid(), SIGKILL);
    plain(note, &what, 1);
}

#define WRAP(ret, name, what, params, args)                        \
    ret name params                                                \
    {                                                              \
        static ret(*next) params;                                  \
        if (!next)                                                 \
            next = dlsym(RTLD_NEXT, #name);                        \
        step(what);                                                \
        return next args;                                          \
    }

WRAP(ssize_t, write, 'w', (int f, const void *b, size_t n), (f, b, n))
WRAP(ssize_t, pwrite, 'w', (int f, const void *b, size_t n, off_t o), (f, b, n, o))
WRAP(ssize_t, pwrite64, 'w', (int f, const void *b, size_t n, off64_t o), (f, b, n, o))
WRAP(int, fsync, 's', (int f), (f))
WRAP(int, fdatasync, 's', (int f), (f))
WRAP(int, ftruncate, 't', (int f, off_t n), (f, n))
WRAP(int, ftruncate64, 't', (int f, off64_t n), (f, n))
WRAP(int, rename, 'r', (const char *a, const char *b), (a, b))
WRAP(int, unlink, 'u', (const char *a), (a))
