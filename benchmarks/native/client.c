/* The C API without Python: the reference for every binding.
 *
 * usage: client HOSTS [tuned]
 *
 * One source for every libzookeeper. `tuned` sets the delay between name look-ups, without which libzookeeper reads
 * /etc/hosts before each iteration of its loop. */
#include "harness.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <unistd.h>
#include <zookeeper.h>

enum { TIMEOUT_MS = 30000, LOOK_UP_MS = 600000, LARGEST = 2 << 20 };

static const char *hosts;
static int tuned;
static zhandle_t *handle;

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long left;
} countdown;

#define COUNTDOWN(count) {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, (count)}

static void count_down(countdown *of)
{
    pthread_mutex_lock(&of->lock);
    if (--of->left == 0)
        pthread_cond_signal(&of->changed);
    pthread_mutex_unlock(&of->lock);
}

static void await(countdown *of, const char *what)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TIMEOUT_SECONDS;
    pthread_mutex_lock(&of->lock);
    while (of->left > 0)
        if (pthread_cond_timedwait(&of->changed, &of->lock, &until) != 0)
            fail("%s: %ld did not come", what, of->left);
    pthread_mutex_unlock(&of->lock);
}

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)path;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE && context != NULL)
        count_down(context);
}

static zhandle_t *open_session(void)
{
    countdown connected = COUNTDOWN(1);
    zhandle_t *opened = zookeeper_init(hosts, on_session, TIMEOUT_MS, NULL, &connected, 0);

    if (opened == NULL)
        fail("zookeeper_init");
    if (tuned)
        zoo_set_servers_resolution_delay(opened, LOOK_UP_MS);
    await(&connected, "the connection");
    zoo_set_context(opened, NULL);
    return opened;
}

/* ---- one call at a time ------------------------------------------------------------------------------------------ */

static void get_each(long count, int size, int timed)
{
    char *found = malloc(LARGEST);

    for (long i = 0; i < count; i++) {
        struct Stat stat;
        int length = LARGEST;
        double begun = now();
        int rc = zoo_get(handle, path_of(size, -1), 0, found, &length, &stat);

        if (timed)
            time_one(now() - begun);
        expect(rc == ZOK && length == size && stat.dataLength == size && stat.version == 0 &&
                   memcmp(found, data_of(size, -1), (size_t)size) == 0,
               "get");
    }
    free(found);
}

static void get(long count, int size)
{
    get_each(count, size, 1);
}

static void set(long count, int size)
{
    struct Stat before, stat;

    expect(zoo_exists(handle, "/set", 0, &before) == ZOK, "exists");
    for (long i = 0; i < count; i++) {
        double begun = now();
        int rc = zoo_set2(handle, "/set", data_of(size, -1), size, -1, &stat);

        time_one(now() - begun);
        expect(rc == ZOK && stat.version == ++before.version && stat.dataLength == size, "set");
    }
}

static void create(long count, int size)
{
    char path[64];

    for (long i = 0; i < count; i++) {
        double begun = now();
        int created = zoo_create(handle, "/made", data_of(size, -1), size, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
        int deleted = zoo_delete(handle, "/made", -1);

        time_one(now() - begun);
        expect(created == ZOK && deleted == ZOK && strcmp(path, "/made") == 0, "create and delete");
    }
}

static void connect_and_close(long count, int size)
{
    (void)size;
    for (long i = 0; i < count; i++) {
        double begun = now();

        expect(zookeeper_close(open_session()) == ZOK, "close");
        time_one(now() - begun);
    }
}

/* ---- many at once ------------------------------------------------------------------------------------------------ */

static atomic_long to_send;
static countdown pipelined = COUNTDOWN(0);
static int pipelined_size;

static void send_next(long number);

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *context)
{
    int number = (int)(long)context;
    long next;

    expect(rc == ZOK && length == pipelined_size && stat->dataLength == length &&
               memcmp(value, data_of(length, number), (size_t)length) == 0,
           "pipelined get");
    next = atomic_fetch_sub(&to_send, 1);
    if (next > 0)
        send_next(next);
    else
        count_down(&pipelined);
}

static void send_next(long number)
{
    number %= PATHS;
    expect(zoo_aget(handle, path_of(pipelined_size, (int)number), 0, on_data, (void *)number) == ZOK, "aget");
}

/* The completions send the next requests, so that the window stays full. */
static void pipeline(long count, int size)
{
    long first = count < WINDOW ? count : WINDOW;

    pipelined_size = size;
    pipelined.left = first; /* the last of each chain */
    path_of(size, 0);
    atomic_store(&to_send, count - first);
    for (long i = 0; i < first; i++)
        send_next(i);
    await(&pipelined, "pipelined gets");
}

static void *get_some(void *share)
{
    get_each(*(long *)share, SMALL, 0);
    return NULL;
}

static void threads(long count, int size)
{
    pthread_t running[THREADS];
    long share = count / THREADS;

    (void)size;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&running[i], NULL, get_some, &share);
    for (int i = 0; i < THREADS; i++)
        pthread_join(running[i], NULL);
}

/* ---- watches: one session sets, another gets the event ----------------------------------------------------------- */

typedef struct {
    countdown fired;
    double at;
} watching;

static void on_change(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    watching *one = context;

    (void)zh, (void)state;
    one->at = now();
    if (type == ZOO_CHANGED_EVENT && strcmp(path, "/watched") == 0)
        count_down(&one->fired);
}

static void watch(long count, int size)
{
    zhandle_t *setter = open_session();

    start_timing();
    for (long i = 0; i < count; i++) {
        watching one = {COUNTDOWN(1), 0};
        char found[SMALL];
        int length = SMALL;
        double begun;

        expect(zoo_wget(handle, "/watched", on_change, &one, found, &length, NULL) == ZOK, "get with a watch");
        begun = now();
        expect(zoo_set(setter, "/watched", data_of(size, -1), size, -1) == ZOK, "set");
        await(&one.fired, "the event");
        time_one(one.at - begun);
    }
    stop_timing();
    zookeeper_close(setter);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void idle(long count, int size)
{
    zhandle_t **open = calloc((size_t)count, sizeof(zhandle_t *));
    double before;

    (void)size;
    zookeeper_close(open_session()); /* the first session allocates what all share */
    before = resident();
    for (long i = 0; i < count; i++)
        open[i] = open_session();
    report_bytes((resident() - before) / (double)count);
    for (long i = 0; i < count; i++)
        zookeeper_close(open[i]);
    free(open);
}

static void on_hole(int rc, const char *value, int length, const struct Stat *stat, const void *context)
{
    (void)value, (void)length, (void)stat;
    expect(rc == (context == NULL ? ZNONODE : ZOK), "a get that was held up");
    count_down(&pipelined);
}

/* Make the server answer the requests that follow that for /hole. */
static void let_go(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char address[64];
    int port, fd = socket(AF_INET, SOCK_STREAM, 0);

    if (sscanf(hosts, "%63[^:]:%d", address, &port) != 2 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
        fail("no address: %s", hosts);
    to.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 || write(fd, "free", 4) != 4)
        fail("the server does not listen");
    close(fd);
}

static void outstanding(long count, int size)
{
    double before;

    path_of(size, 0);
    pipelined.left = count + 1;
    zoo_aget(handle, "/hole", 0, on_hole, NULL);
    before = resident();
    for (long i = 0; i < count; i++)
        expect(zoo_aget(handle, path_of(size, (int)(i % PATHS)), 0, on_hole, "") == ZOK, "aget");
    usleep(200000); /* until all requests are sent */
    report_bytes((resident() - before) / (double)count);
    let_go();
    await(&pipelined, "gets that were held up");
}

int main(int count, char **arguments)
{
    static const operation operations[] = {
        {"get", get},
        {"set", set},
        {"create", create},
        {"pipelined", pipeline},
        {"threads", threads},
        {"watch", watch},
        {"connect", connect_and_close},
        {"idle", idle},
        {"outstanding", outstanding},
        {NULL, NULL},
    };

    if (count < 2)
        fail("usage: client HOSTS [tuned]");
    hosts = arguments[1];
    tuned = count > 2 && strcmp(arguments[2], "tuned") == 0;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    handle = open_session();
    serve(operations);
    zookeeper_close(handle);
    return 0;
}
