/* The interface of the canned server's two files: its clients, and the function that answers a request. */
#ifndef ZKC_BENCH_SERVER_H
#define ZKC_BENCH_SERVER_H

#include "store.h"
#include <pthread.h>

typedef struct client {
    int fd;
    int references; /* of its thread, and of threads that send an event to it; under the lock */
    buffer in;      /* used by its thread only */
    size_t taken;   /* bytes of it that were processed */
    buffer out;     /* under the lock */
    pthread_mutex_t sending;
    buffer spare;  /* under sending: swapped with out */
    int connected; /* after the handshake */
    int held;      /* by a get of /hole: the count of releases at that time, plus one */
    int watches;   /* it has set a watch */
    int frees;     /* it asks to release the held clients */
    int over;
} client;

/* A list of clients that got an event and must be flushed; each entry holds a reference to its client. */
typedef struct notified {
    client *recipient;
    struct notified *next;
} notified;

extern store nodes;

/* Call with the lock held. The reply goes to `by->out`, events to the output of their watchers. */
void answer(client *by, reader *from, notified **list);
void handshake(client *with, reader *from);

#endif
