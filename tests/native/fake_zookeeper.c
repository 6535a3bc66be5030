#include "fake_zookeeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CYRUS_SASL_H
#include <sasl/sasl.h>
#endif

const int ZOO_EXPIRED_SESSION_STATE = -112, ZOO_AUTH_FAILED_STATE = -113, ZOO_CONNECTING_STATE = 1;
const int ZOO_ASSOCIATING_STATE = 2, ZOO_CONNECTED_STATE = 3, ZOO_READONLY_STATE = 5, ZOO_NOTCONNECTED_STATE = 999;
const int ZOO_CREATED_EVENT = 1, ZOO_DELETED_EVENT = 2, ZOO_CHANGED_EVENT = 3, ZOO_CHILD_EVENT = 4;
const int ZOO_SESSION_EVENT = -1, ZOO_NOTWATCHING_EVENT = -2;

#define OPEN_GATE {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}

struct fake fake = {.init = OPEN_GATE, .close = OPEN_GATE};

struct job {
    struct job *next;
    void (*run)(void *);
    void *argument; /* not the job's */
    watcher_fn watcher;
    int type, state;
    char *path;
};

struct worker {
    zhandle_t *handle;
    pthread_t thread;
    struct job *first, *last;
    int busy;
};

struct _zhandle {
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int closing;
    struct worker workers[FAKE_THREADS];
};

/* ---- gates ---------------------------------------------------------------------------------------------------- */

static void set_shut(struct gate *gate, int shut)
{
    pthread_mutex_lock(&gate->lock);
    gate->shut = shut;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void gate_shut(struct gate *gate)
{
    set_shut(gate, 1);
}

void gate_open(struct gate *gate)
{
    set_shut(gate, 0);
}

void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    while (gate->shut)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->waiting--;
    pthread_mutex_unlock(&gate->lock);
}

int gate_waiting(struct gate *gate)
{
    int waiting;

    pthread_mutex_lock(&gate->lock);
    waiting = gate->waiting;
    pthread_mutex_unlock(&gate->lock);
    return waiting;
}

/* ---- a handle's threads --------------------------------------------------------------------------------------- */

static void free_job(struct job *job)
{
    free(job->path);
    free(job);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    zhandle_t *handle = worker->handle;
    struct job *job;

    pthread_mutex_lock(&handle->lock);
    while (!handle->closing) {
        job = worker->first;
        if (job == NULL) {
            pthread_cond_wait(&handle->changed, &handle->lock);
            continue;
        }
        worker->first = job->next;
        worker->busy = 1;
        pthread_mutex_unlock(&handle->lock);
        if (job->watcher != NULL)
            job->watcher(handle, job->type, job->state, job->path, handle->context);
        else
            job->run(job->argument);
        free_job(job);
        pthread_mutex_lock(&handle->lock);
        worker->busy = 0;
        pthread_cond_broadcast(&handle->changed);
    }
    pthread_mutex_unlock(&handle->lock);
    return NULL;
}

static void append(zhandle_t *handle, enum fake_thread thread, struct job *job)
{
    struct worker *worker = &handle->workers[thread];

    pthread_mutex_lock(&handle->lock);
    if (worker->first == NULL)
        worker->first = job;
    else
        worker->last->next = job;
    worker->last = job;
    pthread_cond_broadcast(&handle->changed);
    pthread_mutex_unlock(&handle->lock);
}

void fake_post(zhandle_t *handle, enum fake_thread thread, void (*run)(void *), void *argument)
{
    struct job *job = calloc(1, sizeof *job);

    job->run = run;
    job->argument = argument;
    append(handle, thread, job);
}

void fake_event(zhandle_t *handle, watcher_fn watcher, int type, int state, const char *path)
{
    struct job *job = calloc(1, sizeof *job);

    job->watcher = watcher;
    job->type = type;
    job->state = state;
    job->path = strdup(path);
    append(handle, FAKE_COMPLETION, job);
}

void fake_settle(zhandle_t *handle)
{
    pthread_mutex_lock(&handle->lock);
    for (int i = 0; i < FAKE_THREADS; i++)
        while (handle->workers[i].first != NULL || handle->workers[i].busy)
            pthread_cond_wait(&handle->changed, &handle->lock);
    pthread_mutex_unlock(&handle->lock);
}

/* ---- what the bridge calls ------------------------------------------------------------------------------------ */

static pthread_mutex_t call_lock = PTHREAD_MUTEX_INITIALIZER;

#define NOTE_CALL(...)                                                \
    do {                                                              \
        pthread_mutex_lock(&call_lock);                               \
        snprintf(fake.init_call, sizeof fake.init_call, __VA_ARGS__); \
        pthread_mutex_unlock(&call_lock);                             \
    } while (0)

static zhandle_t *init(void *context)
{
    int error = atomic_load(&fake.init_errno);
    zhandle_t *handle;

    gate_pass(&fake.init);
    if (error != 0) {
        if (error > 0)
            errno = error;
        return NULL;
    }
    handle = calloc(1, sizeof *handle);
    handle->context = context;
    pthread_mutex_init(&handle->lock, NULL);
    pthread_cond_init(&handle->changed, NULL);
    for (int i = 0; i < FAKE_THREADS; i++) {
        handle->workers[i].handle = handle;
        pthread_create(&handle->workers[i].thread, NULL, work, &handle->workers[i]);
    }
    atomic_fetch_add(&fake.handles, 1);
    return handle;
}

zhandle_t *zookeeper_init2(const char *host, watcher_fn fn, int recv_timeout, const clientid_t *clientid, void *context,
                           int flags, log_callback_fn log_callback)
{
    (void)fn;
    NOTE_CALL("plain %s %d %d %lld", host, recv_timeout, flags, clientid != NULL ? (long long)clientid->client_id : -1);
    log_callback("opening\n");
    return init(context);
}

#ifdef HAVE_OPENSSL_H
zhandle_t *zookeeper_init_tls(const char *host, const zkc_tls_params_t *tls, watcher_fn fn, int recv_timeout,
                              const clientid_t *clientid, void *context, int flags, log_callback_fn log_callback,
                              void *sasl_params)
{
    (void)fn, (void)recv_timeout, (void)clientid, (void)flags, (void)log_callback;
    NOTE_CALL("tls %s %s %s %s %s %s %d %s", host, tls->ca, tls->certificate, tls->key, tls->password, tls->server_name,
              tls->flags, sasl_params != NULL ? "sasl" : "plain");
    fake.report = tls->report;
    return init(context);
}
#endif

#ifdef HAVE_CYRUS_SASL_H
int sasl_client_init(const sasl_callback_t *callbacks)
{
    (void)callbacks;
    return SASL_OK;
}

void sasl_set_mutex(sasl_mutex_alloc_t *allocate, sasl_mutex_lock_t *lock, sasl_mutex_unlock_t *unlock,
                    sasl_mutex_free_t *release)
{
    (void)allocate, (void)lock, (void)unlock, (void)release;
}

const char **sasl_global_listmech(void)
{
    static const char *mechanisms[] = {"DIGEST-MD5", "PLAIN", NULL};

    return mechanisms;
}

/* Ask what a mechanism would ask. */
zhandle_t *zookeeper_init_sasl(const char *host, watcher_fn fn, int recv_timeout, const clientid_t *clientid,
                               void *context, int flags, log_callback_fn log_callback, zoo_sasl_params_t *sasl_params)
{
    const sasl_callback_t *asked = sasl_params->callbacks;
    const char *user = NULL;
    sasl_secret_t *secret = NULL;
    unsigned length = 0;

    (void)host, (void)fn, (void)recv_timeout, (void)clientid, (void)flags, (void)log_callback;
    for (; asked->id != SASL_CB_LIST_END; asked++) {
        if (asked->id == SASL_CB_AUTHNAME)
            ((int (*)(void *, int, const char **, unsigned *))(void (*)(void))asked->proc)(asked->context, asked->id,
                                                                                           &user, &length);
        if (asked->id == SASL_CB_PASS)
            ((int (*)(sasl_conn_t *, void *, int, sasl_secret_t **))(void (*)(void))asked->proc)(NULL, asked->context,
                                                                                                 asked->id, &secret);
    }
    NOTE_CALL("sasl %s %s %u %.*s", sasl_params->mechlist, user, length, (int)secret->len, (const char *)secret->data);
    return init(context);
}
#endif

int zookeeper_close(zhandle_t *handle)
{
    struct job *job;

    gate_pass(&fake.close);
    pthread_mutex_lock(&handle->lock);
    handle->closing = 1;
    pthread_cond_broadcast(&handle->changed);
    pthread_mutex_unlock(&handle->lock);
    for (int i = 0; i < FAKE_THREADS; i++)
        pthread_join(handle->workers[i].thread, NULL);
    for (int i = 0; i < FAKE_THREADS; i++) {
        while ((job = handle->workers[i].first) != NULL) {
            handle->workers[i].first = job->next;
            free_job(job);
            atomic_fetch_add(&fake.dropped, 1);
        }
    }
    pthread_cond_destroy(&handle->changed);
    pthread_mutex_destroy(&handle->lock);
    free(handle);
    atomic_fetch_sub(&fake.handles, 1);
    return ZOK;
}

void zoo_set_log_callback(zhandle_t *handle, log_callback_fn callback)
{
    (void)handle;
    (void)callback;
}

void zoo_set_log_stream(FILE *stream)
{
    fake.log_stream = stream;
}

int zoo_set_servers_resolution_delay(zhandle_t *handle, int delay_ms)
{
    (void)handle;
    fake.resolution_delay = delay_ms;
    return ZOK;
}

struct sockaddr *zookeeper_get_connected_host(zhandle_t *handle, struct sockaddr *address, socklen_t *length)
{
    (void)handle;
    if (fake.peer.ss_family == 0)
        return NULL;
    memcpy(address, &fake.peer, *length);
    return address;
}

#ifdef ZKC_PATCHED_PERSISTENT_WATCHES
int64_t zkc_event_zxid(void);
int64_t zkc_event_zxid(void)
{
    return atomic_load(&fake.zxid);
}
#endif
