/* Assertions of the native tests: a failed one says where and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAIL(...)                                       \
    do {                                                \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
        fprintf(stderr, __VA_ARGS__);                   \
        fputc('\n', stderr);                            \
        _Exit(1);                                       \
    } while (0)

#define CHECK(condition)                    \
    do {                                    \
        if (!(condition))                   \
            FAIL("not so: %s", #condition); \
    } while (0)

#define CHECK_EQ(left, right)                                                             \
    do {                                                                                  \
        long long left_ = (long long)(left), right_ = (long long)(right);                 \
        if (left_ != right_)                                                              \
            FAIL("%s is %lld, expected %s, which is %lld", #left, left_, #right, right_); \
    } while (0)

#define CHECK_TEXT(left, right)                                          \
    do {                                                                 \
        const char *left_ = (left), *right_ = (right);                   \
        if (strcmp(left_, right_) != 0)                                  \
            FAIL("%s is \"%s\", expected \"%s\"", #left, left_, right_); \
    } while (0)

/* Wait for an effect of another thread. The limit only turns a hang into a failure with a place and a name. */
#define WAIT_UNTIL(condition)                                    \
    do {                                                         \
        for (int turn_ = 0; !(condition); turn_++) {             \
            const struct timespec moment_ = {.tv_nsec = 100000}; \
            if (turn_ > 600000)                                  \
                FAIL("waited in vain for: %s", #condition);      \
            nanosleep(&moment_, NULL);                           \
        }                                                        \
    } while (0)

/* A small generator with a state of its own, so that threads share nothing and a run can be repeated. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

#endif
