/* The common part of workers in C: run and time operations. README.md describes the lines of input and output. */
#ifndef ZKC_BENCH_HARNESS_H
#define ZKC_BENCH_HARNESS_H

#include <stddef.h>

enum { WINDOW = 1000, THREADS = 8, PATHS = 1000, SMALL = 100, TIMEOUT_SECONDS = 60 };

typedef struct {
    const char *name;
    void (*run)(long count, int size);
} operation;

double now(void);                          /* in seconds */
void fail(const char *format, ...);        /* print it, and end the process */
void expect(int truth, const char *what);  /* fail unless it holds */
void time_one(double seconds);             /* an operation's time, for the percentiles */
void start_timing(void);                   /* after the preparation */
void stop_timing(void);                    /* before the cleanup */
void report_bytes(double each);            /* for operations that measure memory */
double resident(void);                     /* resident memory of this process, in bytes */
const char *path_of(int size, int number); /* number -1: the znode that all workers read */
const char *data_of(int size, int number); /* the expected data */

int serve(const operation *operations); /* until standard input ends */

#endif
