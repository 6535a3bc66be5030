/* Threads that share a handle on our adaptor, for ThreadSanitizer: some send many requests at once, others one at a
 * time, whose replies they read by themselves; then the handle is closed, and opened again.
 *
 * usage: adaptor_threads HOSTS ROUNDS CALLS */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zookeeper.h>

#include "zkc_adaptor.h"

enum { CROWDS = 2, LONERS = 2 };

typedef struct waiter {
    atomic_int answered, failed;
    int kick;
} waiter;

static zhandle_t *handle;
static atomic_int connected, read_here;
static int calls;

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)path, (void)context;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE)
        atomic_store(&connected, 1);
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *context)
{
    waiter *waiting = (waiter *)context;
    uint64_t one = 1;

    (void)value, (void)length, (void)stat;
    if (rc != ZOK)
        atomic_fetch_add(&waiting->failed, 1);
    atomic_fetch_add(&waiting->answered, 1);
    if (waiting->kick >= 0 && write(waiting->kick, &one, sizeof one) < 0)
        abort();
}

static int is_answered(void *context)
{
    return atomic_load(&((waiter *)context)->answered) > 0;
}

static void ask_alone(waiter *waiting, int number)
{
    struct pollfd fd = {.fd = waiting->kick, .events = POLLIN};
    int looked = ZKC_READ_REFUSED, outcome;
    uint64_t scrap;

    atomic_store(&waiting->answered, 0);
    if (number % 3 != 0)
        zkc_adaptor_cork(1);
    if (zoo_aget(handle, "/a", 0, on_data, waiting) != ZOK)
        abort();
    if (zkc_adaptor_take_corked() && number % 3 == 1)
        zkc_adaptor_uncork(handle);
    for (int i = 0; i < number % 4 && (i == 0 || looked == ZKC_READ_NOT_YET); i++)
        looked = zkc_adaptor_peek(handle, i > 0, waiting->kick, is_answered, waiting, i == 1 ? 0 : 100000);
    if (looked == ZKC_READ_ENOUGH)
        outcome = looked;
    else
        outcome = zkc_adaptor_read(handle, looked == ZKC_READ_NOT_YET, waiting->kick, is_answered, waiting,
                                   number % 5 == 0 ? 1000 : -1);
    if (outcome == ZKC_READ_ENOUGH)
        atomic_fetch_add(&read_here, 1);
    else
        zkc_adaptor_uncork(handle); /* another may have done it, which harms nothing */
    while (!is_answered(waiting) && poll(&fd, 1, 1000) >= 0)
        ;
    while (read(waiting->kick, &scrap, sizeof scrap) > 0)
        ;
}

static void *be_alone(void *unused)
{
    waiter waiting = {.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    (void)unused;
    for (int i = 0; i < calls; i++)
        ask_alone(&waiting, i);
    close(waiting.kick);
    return (void *)(intptr_t)atomic_load(&waiting.failed);
}

static void *be_crowd(void *unused)
{
    waiter waiting = {.kick = -1};

    (void)unused;
    for (int i = 0; i < calls; i++) {
        if (zoo_aget(handle, "/a", 0, on_data, &waiting) != ZOK)
            abort();
        if (i % 50 == 49)
            usleep(500); /* time for the others to be alone */
    }
    while (atomic_load(&waiting.answered) < calls)
        usleep(200);
    return (void *)(intptr_t)atomic_load(&waiting.failed);
}

static atomic_int inside;

static void end(void *ended)
{
    while (atomic_load(&inside) != 0)
        usleep(20);
    zkc_adaptor_close(handle);
    atomic_store((atomic_int *)ended, 1);
}

/* In the two ways there are. */
static void close_handle(int round)
{
    atomic_int ended = 0;

    if (round % 2 == 0) {
        zookeeper_close(handle);
        return;
    }
    atomic_fetch_add(&inside, 1);
    zkc_adaptor_end(handle, end, &ended);
    atomic_fetch_sub(&inside, 1);
    while (!atomic_load(&ended))
        usleep(20);
}

int main(int argc, char **argv)
{
    intptr_t failed = 0;

    calls = argc > 3 ? atoi(argv[3]) : 100;
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    for (int round = 0; round < atoi(argv[2]); round++) {
        pthread_t threads[CROWDS + LONERS];

        atomic_store(&connected, 0);
        handle = zookeeper_init(argv[1], on_event, 20000, NULL, NULL, 0);
        while (!atomic_load(&connected))
            usleep(200);
        for (int i = 0; i < CROWDS + LONERS; i++)
            pthread_create(&threads[i], NULL, i < CROWDS ? be_crowd : be_alone, NULL);
        for (int i = 0; i < CROWDS + LONERS; i++) {
            void *result;

            pthread_join(threads[i], &result);
            failed += (intptr_t)result;
        }
        close_handle(round);
    }
    printf("failed %d, read here: %s\n", (int)failed, atomic_load(&read_here) > 0 ? "yes" : "no");
    return 0;
}
