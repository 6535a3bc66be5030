#include "harness.h"
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST_MANY = 1 << 14 }; /* larger data have one znode only */

static double *times;
static long timed, room;
static double begun, begun_cpu, ended, ended_cpu, bytes_each;

double now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

void fail(const char *format, ...)
{
    va_list rest;

    va_start(rest, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    va_end(rest);
    _exit(1);
}

void expect(int truth, const char *what)
{
    if (!truth)
        fail("a wrong answer: %s", what);
}

static double cpu(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

double resident(void)
{
    long pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%ld %ld", &all, &pages) != 2)
        fail("there is no /proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

void time_one(double seconds)
{
    if (timed == room) {
        room = room * 2 + 1024;
        times = realloc(times, (size_t)room * sizeof *times);
    }
    times[timed++] = seconds;
}

void start_timing(void)
{
    begun_cpu = cpu();
    begun = now();
}

void stop_timing(void)
{
    ended = now();
    ended_cpu = cpu();
}

void report_bytes(double each)
{
    bytes_each = each;
}

/* ---- the znodes to read ------------------------------------------------------------------------------------------ */

typedef struct {
    char path[32];
    char *data;
} known;

static known *known_of(int size, int number)
{
    static known *all[2];
    static int sizes[2];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int which = size > LARGEST_MANY, count = which ? 1 : PATHS + 1;

    if (sizes[which] == size)
        return &all[which][which ? 0 : number + 1];
    pthread_mutex_lock(&lock); /* called before the threads start; the replaced table is never freed */
    all[which] = calloc((size_t)count, sizeof **all);
    for (int i = 0; i < count; i++) {
        known *one = &all[which][i];

        snprintf(one->path, sizeof one->path, i == 0 ? "/data-%d" : "/data-%d.%04d", size, i - 1);
        one->data = malloc((size_t)size);
        memset(one->data, 'x', (size_t)size);
        memcpy(one->data, one->path, strlen(one->path) < (size_t)size ? strlen(one->path) : (size_t)size);
    }
    sizes[which] = size;
    pthread_mutex_unlock(&lock);
    return &all[which][which ? 0 : number + 1];
}

const char *path_of(int size, int number)
{
    return known_of(size, number)->path;
}

const char *data_of(int size, int number)
{
    return known_of(size, number)->data;
}

/* ---- lines in, lines out ----------------------------------------------------------------------------------------- */

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static void say(long count)
{
    printf("{\"count\": %ld, \"seconds\": %.9f, \"cpu\": %.6f", count, ended - begun, ended_cpu - begun_cpu);
    if (timed > 0) {
        qsort(times, (size_t)timed, sizeof *times, by_size);
        printf(", \"p50\": %.3f, \"p99\": %.3f", times[timed / 2] * 1e6, times[timed * 99 / 100] * 1e6);
    }
    if (!isnan(bytes_each))
        printf(", \"bytes\": %.1f", bytes_each);
    puts(", \"checked\": true}");
    fflush(stdout);
}

int serve(const operation *operations)
{
    char line[128], name[64];

    puts("{\"ready\": true}");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        const operation *what = operations;
        long count;
        int size;

        if (sscanf(line, "%63s %ld %d", name, &count, &size) != 3)
            fail("not understood: %s", line);
        while (what->name != NULL && strcmp(what->name, name) != 0)
            what++;
        if (what->name == NULL)
            fail("there is no operation %s", name);
        timed = 0;
        bytes_each = NAN;
        ended = 0;
        path_of(size, -1);
        start_timing();
        what->run(count, size);
        if (ended == 0)
            stop_timing();
        say(count);
    }
    return 0;
}
