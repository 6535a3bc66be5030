/* A client that is steered like steered_client.c, to try what lies between libzookeeper's logic and the system: who
 * wakes the I/O thread and how often, how many threads there are and who ends them.
 *
 * usage: adaptor_client HOSTS TIMEOUT_MS [FIRST_DESCRIPTOR]
 *
 * Its own functions stand before the C library's: write() counts wake-ups (libzookeeper writes nothing else),
 * pthread_create(), pthread_join() and pthread_detach() count threads, and the first can fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "zk_adaptor.h"

enum { MOST_THREADS = 16, MEGABYTE = 1 << 20 };

static const char *hosts;
static int timeout;
static zhandle_t *handle;
static atomic_int wakes, threads_made, threads_settled, threads_fail;
static atomic_int answered, failed, last_state, closed_within;
static char large[MEGABYTE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

ssize_t write(int fd, const void *bytes, size_t count)
{
    atomic_fetch_add(&wakes, 1);
    return syscall(SYS_write, fd, bytes, count);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (atomic_load(&threads_fail) > 0) {
        atomic_fetch_sub(&threads_fail, 1);
        return EAGAIN;
    }
    atomic_fetch_add(&threads_made, 1);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attributes, run, argument);
}

int pthread_join(pthread_t thread, void **result)
{
    int (*real)(pthread_t, void **);

    atomic_fetch_add(&threads_settled, 1);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_join");
    return real(thread, result);
}

int pthread_detach(pthread_t thread)
{
    int (*real)(pthread_t);

    atomic_fetch_add(&threads_settled, 1);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_detach");
    return real(thread);
}

static void say(const char *what, int number)
{
    pthread_mutex_lock(&lock);
    printf("%s %d\n", what, number);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)path, (void)context;
    if (type == ZOO_SESSION_EVENT) {
        atomic_store(&last_state, state);
        say("state", state);
        say("seen", zoo_state(zh));
    }
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *context)
{
    (void)stat, (void)context;
    /* A large one is the pattern that it sends itself. */
    if (rc == 0 && length > 0 && (length > MEGABYTE || memcmp(value, large, (size_t)length) != 0))
        rc = 1;
    if (rc != 0)
        atomic_fetch_add(&failed, 1);
    atomic_fetch_add(&answered, 1);
}

static void on_stat(int rc, const struct Stat *stat, const void *context)
{
    on_data(rc, NULL, -1, stat, context);
}

static void wait_answered(int count)
{
    while (atomic_load(&answered) < count)
        usleep(200);
    say("answered", count);
    say("failed", atomic_exchange(&failed, 0));
    atomic_store(&answered, 0);
}

static void *ask_often(void *count)
{
    for (int i = 0; i < *(int *)count; i++)
        while (zoo_aget(handle, "/a", 0, on_data, NULL) != ZOK)
            usleep(100);
    return NULL;
}

static void calls(int threads, int count)
{
    pthread_t running[MOST_THREADS];

    for (int i = 0; i < threads; i++)
        pthread_create(&running[i], NULL, ask_often, &count);
    for (int i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    wait_answered(threads * count);
}

static void on_data_hold(int rc, const char *value, int length, const struct Stat *stat, const void *context)
{
    say("holding", rc);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    on_data(rc, value, length, stat, context);
}

/* Calls while the thread that would send them is awake, but has no time. */
static void held(int count)
{
    int before;

    pthread_mutex_lock(&gate);
    zoo_aget(handle, "/a", 0, on_data_hold, NULL);
    fgetc(stdin); /* the test has heard that it is held */
    before = atomic_load(&wakes);
    for (int i = 0; i < count; i++)
        zoo_aget(handle, "/a", 0, on_data, NULL);
    say("wakes", atomic_load(&wakes) - before);
    pthread_mutex_unlock(&gate);
    wait_answered(count + 1);
}

static void on_data_chain(int rc, const char *value, int length, const struct Stat *stat, const void *left)
{
    if ((intptr_t)left > 0)
        zoo_aget(handle, "/a", 0, on_data_chain, (void *)((intptr_t)left - 1));
    on_data(rc, value, length, stat, NULL);
}

/* Each completion makes the next call. */
static void chain(int count)
{
    int before = atomic_load(&wakes);

    zoo_aget(handle, "/a", 0, on_data_chain, (void *)(intptr_t)(count - 1));
    while (atomic_load(&answered) < count)
        usleep(200);
    say("wakes", atomic_load(&wakes) - before);
    wait_answered(count);
}

static void on_data_close(int rc, const char *value, int length, const struct Stat *stat, const void *zh)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    atomic_store(&closed_within, 1 + (zookeeper_close((zhandle_t *)zh) != ZOK));
    on_data(rc, value, length, stat, NULL);
}

/* The handle is closed by a completion, while others wait for their replies. */
static void close_within(int count)
{
    pthread_mutex_lock(&gate); /* until no thread uses the handle here */
    for (int i = 0; i < count; i++)
        zoo_aget(handle, "/a", 0, i == 0 ? on_data_close : on_data, handle);
    handle = NULL;
    pthread_mutex_unlock(&gate);
    wait_answered(count);
    say("within", atomic_load(&closed_within));
}

/* A call that has found the session alive, and is queued when it is over. */
static void straggler(void)
{
    handle->state = ZOO_CONNECTED_STATE;
    say("accepted", zoo_aget(handle, "/a", 0, on_data, NULL));
    handle->state = ZOO_EXPIRED_SESSION_STATE;
    wait_answered(1);
}

static void open_without_threads(void)
{
    zhandle_t *zh;

    atomic_store(&threads_fail, 1);
    errno = 0;
    zh = zookeeper_init(hosts, on_event, timeout, NULL, NULL, 0);
    say("unthreaded", zh == NULL && errno == EAGAIN);
}

static void reopen(void)
{
    handle = zookeeper_init(hosts, on_event, timeout, NULL, NULL, 0);
}

static void obey(const char *command, int first, int second)
{
    if (strcmp(command, "calls") == 0) {
        calls(first, second);
    } else if (strcmp(command, "held") == 0) {
        held(first);
    } else if (strcmp(command, "chain") == 0) {
        chain(first);
    } else if (strcmp(command, "sets") == 0) {
        for (int i = 0; i < first; i++)
            zoo_aset(handle, "/a", large, second, -1, on_stat, NULL);
        say("sent", first);
    } else if (strcmp(command, "wait") == 0) {
        wait_answered(first);
    } else if (strcmp(command, "within") == 0) {
        close_within(first);
    } else if (strcmp(command, "straggler") == 0) {
        straggler();
    } else if (strcmp(command, "unthreaded") == 0) {
        open_without_threads();
    } else if (strcmp(command, "open") == 0) {
        reopen();
    } else if (strcmp(command, "close") == 0) {
        zookeeper_close(handle);
        handle = NULL;
        say("closed", atomic_load(&answered));
        atomic_store(&answered, 0);
    } else if (strcmp(command, "threads") == 0) {
        say("threads", atomic_load(&threads_made) - atomic_load(&threads_settled));
    }
}

static void take_descriptors_up_to(int first)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) < first - 1)
        ;
}

int main(int argc, char **argv)
{
    char line[128], command[32];
    int first, second;

    hosts = argv[1];
    timeout = atoi(argv[2]);
    for (int i = 0; i < MEGABYTE; i++)
        large[i] = (char)(i % 251);
    if (argc > 3)
        take_descriptors_up_to(atoi(argv[3]));
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    reopen();
    say("opened", handle != NULL);
    while (fgets(line, sizeof line, stdin) != NULL) {
        first = second = 0;
        if (sscanf(line, "%31s %d %d", command, &first, &second) > 0)
            obey(command, first, second);
    }
    if (handle != NULL)
        zookeeper_close(handle);
    return 0;
}
