/* Transactions of every outcome, and a count of the locks of a mutex that nothing has initialized.
 *
 * Its own pthread_mutex_init(), pthread_mutex_destroy() and pthread_mutex_lock() stand before the C library's and keep
 * the set of the mutexes that were initialized. A mutex among the program's static data has its initializer there.
 *
 * usage: known_mutexes HOSTS */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zookeeper.h>

enum { MOST = 4096 };

extern char __data_start, _end; /* of the linker: where static data begin and end */

static _Atomic(pthread_mutex_t *) known[MOST];
static atomic_int unknown, connected, answered;

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static int find(pthread_mutex_t *mutex, pthread_mutex_t *put)
{
    for (int i = 0; i < MOST; i++) {
        pthread_mutex_t *expected = mutex;

        if (atomic_compare_exchange_strong(&known[i], &expected, put))
            return 1;
    }
    return 0;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    static int (*real)(pthread_mutex_t *, const pthread_mutexattr_t *);

    if (real == NULL)
        *(void **)&real = next("pthread_mutex_init");
    if (!find(mutex, mutex) && !find(NULL, mutex))
        abort();
    return real(mutex, attributes);
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);

    if (real == NULL)
        *(void **)&real = next("pthread_mutex_destroy");
    find(mutex, NULL);
    return real(mutex);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);
    int is_static = (char *)mutex >= &__data_start && (char *)mutex < &_end;

    if (real == NULL)
        *(void **)&real = next("pthread_mutex_lock");
    if (!is_static && !find(mutex, mutex))
        atomic_fetch_add(&unknown, 1);
    return real(mutex);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)path, (void)context;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE)
        atomic_store(&connected, 1);
}

static void on_end(int rc, const void *name)
{
    printf("%s %d\n", (const char *)name, rc);
    atomic_fetch_add(&answered, 1);
}

static void wait_until(atomic_int *what, int count)
{
    while (atomic_load(what) < count)
        usleep(200);
}

int main(int argc, char **argv)
{
    zoo_op_t ops[2];
    zoo_op_result_t results[2];
    zhandle_t *zh = zookeeper_init(argv[argc - 1], on_event, 20000, NULL, NULL, 0);

    wait_until(&connected, 1);
    zoo_check_op_init(&ops[0], "/a", -1);
    zoo_delete_op_init(&ops[1], "/a", -1);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"done", "refused", "failed"};

        if (zoo_amulti(zh, 2, ops, results, on_end, names[i]) != ZOK)
            abort();
        wait_until(&answered, i + 1);
    }
    printf("waited for %d\n", zoo_multi(zh, 2, ops, results));
    zoo_delete_op_init(&ops[1], "no//path", -1);
    printf("not sent %d\n", zoo_amulti(zh, 2, ops, results, on_end, "never"));
    zoo_delete_op_init(&ops[1], "/a", -1);
    if (zoo_amulti(zh, 2, ops, results, on_end, "closed") != ZOK)
        abort();
    zookeeper_close(zh);
    wait_until(&answered, 4);
    printf("unknown mutexes %d\n", atomic_load(&unknown));
    return 0;
}
