/* What the canned server's two halves share: its clients, and how one request of theirs is answered. */
#ifndef ZKC_BENCH_SERVER_H
#define ZKC_BENCH_SERVER_H

#include "store.h"
#include <pthread.h>

typedef struct client {
    int fd;
    int references; /* its thread's, and that of whoever sends an event to it; under the lock */
    buffer in;      /* its thread's only */
    size_t taken;   /* how much of it was read */
    buffer out;     /* under the lock */
    pthread_mutex_t sending;
    buffer spare; /* under sending: takes turns with out */
    int shaken;   /* hands */
    int held;     /* by a get of /hole: the count of releases at that time, plus one */
    int watches;  /* it did so */
    int frees;    /* it asks to let go of those who are held */
    int over;
} client;

/* Who was told of a change and is still to be flushed; each of them is one reference to its client. */
typedef struct told {
    client *who;
    struct told *next;
} told;

extern store nodes;

/* With the lock held: the reply goes to `by->out`, events to whom they concern. */
void answer(client *by, reader *from, told **list);
void shake_hands(client *with, reader *from);

#endif
