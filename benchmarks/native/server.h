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
    int64_t session;
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
void end_session(client *of, notified **list); /* deletes its ephemeral znodes, and forgets its watches */

/* ---- changes: changes.c ------------------------------------------------------------------------------------------ */

enum { CREATE = 1, DELETE, EXISTS, GET_DATA, SET_DATA, GET_CHILDREN = 8, SYNC, PING = 11, GET_CHILDREN2, CHECK };
enum { MULTI = 14, CREATE2, REMOVE_WATCHES = 18, CREATE_CONTAINER, CREATE_TTL = 21, MULTI_READ, AUTH = 100 };
enum { SET_WATCHES = 101, SET_WATCHES2 = 105, CLOSE_SESSION = -11, ERROR = -1 };
enum { CREATED = 1, DELETED, CHANGED, CHILD };
enum { OK = 0, INCONSISTENT = -2, UNIMPLEMENTED = -6, BAD_ARGUMENTS = -8, NO_NODE = -101, BAD_VERSION = -103 };
enum { NODE_EXISTS = -110, NOT_EMPTY = -111 };

/* The change of a znode by one operation, and what undoes it. */
typedef struct {
    node *of; /* NULL if nothing was changed */
    int event;
    char *old_data; /* of a set */
    size_t old_size;
    int64_t old_modified;
} change;

typedef struct {
    change *all;
    size_t count, room;
} changes;

void note_change(changes *in, change one);
/* Carry out a create, delete, set or check, and append its reply; return its error. */
int apply(client *by, int type, reader *from, changes *done);
int apply_all(client *by, reader *from, changes *done); /* the same for a transaction, whose errors are in its reply */
int next_type(reader *from); /* of the next operation of a transaction, or of a request of many reads; 0: no more */
void put_multi_header(buffer *to, int type, int done, int error);

#endif
