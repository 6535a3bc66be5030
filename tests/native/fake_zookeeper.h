/* As much of libzookeeper as the bridge calls. A handle has two threads: completions and watchers run on one, in
 * order; the other stands for the I/O thread. What they have not run when the handle is closed is dropped, as the real
 * one does. */
#ifndef FAKE_ZOOKEEPER_H
#define FAKE_ZOOKEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <zookeeper.h>

/* A place where a thread can be held up. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int shut, waiting;
};

void gate_shut(struct gate *gate);
void gate_open(struct gate *gate);
void gate_pass(struct gate *gate);
int gate_waiting(struct gate *gate); /* how many threads stand before it */

struct fake {
    struct gate init, close;     /* zookeeper_init and zookeeper_close pass these */
    atomic_int init_errno;       /* not 0: zookeeper_init fails with it; -1: without an errno */
    atomic_int handles;          /* made and not closed */
    atomic_int dropped;          /* completions and events that were dropped at close */
    atomic_int resolution_delay; /* of the last handle */
    _Atomic int64_t zxid;        /* of the change that every event reports */
    char init_call[128];         /* which init function made the last handle, with what */
#ifdef HAVE_OPENSSL_H
    zkc_tls_report_fn report; /* of the last handle with TLS */
#endif
    FILE *log_stream;
    struct sockaddr_storage peer; /* family 0: not connected */
};

extern struct fake fake;

enum fake_thread { FAKE_COMPLETION, FAKE_IO, FAKE_THREADS };

/* Have a thread of the handle run something. */
void fake_post(zhandle_t *handle, enum fake_thread thread, void (*run)(void *), void *argument);
/* Have the completion thread call a watcher, with the handle's context; the path is copied. */
void fake_event(zhandle_t *handle, watcher_fn watcher, int type, int state, const char *path);
/* Return when the threads have run all that was posted so far. */
void fake_settle(zhandle_t *handle);

#endif
