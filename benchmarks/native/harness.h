/* A worker in C: does what it is told, and says how long it took. README.md has the lines that go in and out. */
#ifndef ZKC_BENCH_HARNESS_H
#define ZKC_BENCH_HARNESS_H

#include <stddef.h>

enum { WINDOW = 1000, THREADS = 8, PATHS = 1000, SMALL = 100, PATIENCE_SECONDS = 60 };

typedef struct {
    const char *name;
    void (*run)(long count, int size);
} operation;

double now(void);                          /* in seconds */
void fail(const char *format, ...);        /* say it, and end the process */
void expect(int truth, const char *what);  /* or fail */
void time_one(double seconds);             /* an operation's own time, for the percentiles */
void begin_again(void);                    /* what came before was preparation */
void stop_here(void);                      /* what comes afterwards is no part of it */
void say_bytes(double each);               /* memory is what was measured */
double resident(void);                     /* bytes of this process that are present */
const char *path_of(int size, int number); /* number -1: the one of which everybody reads */
const char *data_of(int size, int number); /* what is to be there */

int serve(const operation *operations); /* until standard input ends */

#endif
