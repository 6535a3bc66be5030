/* Helpers of the tests of a session: tokens that count their ways home, an inbox for the queue, calls in flight. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "internal.h"
#include "check.h"
#include "fake_zookeeper.h"
#include "interpose.h"

#define LONG_NS 60000000000 /* only a hang takes so long */

/* Stands for a Python object. It must come back once for each time it was lent. */
struct token {
    atomic_int out;   /* lent and not back */
    atomic_int shown; /* by ZKC_ITEM_SESSION_BROADCAST, which gives nothing back */
};

#define REVOKED_EVENT (-1) /* the kind of an event of a persistent watch that is not to be called any more */

/* One item of the queue, taken, its token given back, its memory freed. */
struct seen {
    int kind, type, state;
    int64_t zxid;
    struct token *token;
    char path[128];
};

/* The consumer's end of a session's queue. */
struct inbox {
    zkc_session *session;
    zkc_item *items;
    int stopped;
};

struct seen take(struct inbox *inbox); /* the next item; waits for it. Nothing may come after ZKC_ITEM_STOP */
int is_empty(struct inbox *inbox);     /* nothing is there now */
struct seen expect(struct inbox *inbox, int kind, struct token *token);
void expect_event(struct inbox *inbox, struct token *token, int type, int state, const char *path);
void expect_session_event(struct inbox *inbox, int state);
void expect_stop(struct inbox *inbox); /* the closed event, the stop, and nothing behind it */

/* A thread that takes everything until ZKC_ITEM_STOP; the counts may be read when it was joined. */
struct dispatcher {
    pthread_t thread;
    struct inbox inbox;
    int requests, events, watch_events, drops, echoes, session_events;
};

void dispatcher_start(struct dispatcher *dispatcher, zkc_session *session);
void dispatcher_join(struct dispatcher *dispatcher);

zkc_open_args *plain_args(void);
zkc_session *open_session(int max_in_flight, int broadcast); /* and wait until it is open */
void wait_opened(zkc_session *session, enum zkc_open_state expected);
void wait_closed(zkc_session *session);
void close_session(zkc_session *session);   /* close, wait, take what is left, release */
void release_session(zkc_session *session); /* the same after the queue has stopped */

/* With a watch unless `watch` is NULL. */
zkc_request *new_request(int kind, const char *path, struct token *watch);
/* Enter, take a slot, lend: the caller leaves. NULL: refused, everything was taken back. */
zkc_request *lend(zkc_session *session, zkc_request *request, struct token *notified);
/* zkc_request_notify, with what the token keeps. */
int tell(zkc_request *request, struct token *token);
/* The whole of it; the request is with the library when these return. NULL: refused. */
zkc_request *submit(zkc_session *session, struct token *notified);
zkc_request *submit_watch(zkc_session *session, int kind, const char *path, struct token *watch);
void arm(zkc_session *session, int kind, const char *path, struct token *watch); /* submit, reply, wait, release */
void wait_done(zkc_request *request);
void finish_request(zkc_request *request, int rc); /* wait for its end, check that, and release it */

/* To post to a thread of the fake: a completion with this result. */
void reply_ok(void *request);
void reply_no_node(void *request);
void reply_connection_loss(void *request);

/* Nothing is alive any more; threads that have done their work may still be on the way out. */
void check_nothing_alive(void);

#define RUN(test)                         \
    do {                                  \
        fprintf(stderr, "  %s\n", #test); \
        test();                           \
        check_nothing_alive();            \
    } while (0)

#define RUN_IN_SESSION(test, max_in_flight, broadcast)                  \
    do {                                                                \
        fprintf(stderr, "  %s\n", #test);                               \
        zkc_session *session_ = open_session(max_in_flight, broadcast); \
        test(session_);                                                 \
        close_session(session_);                                        \
        check_nothing_alive();                                          \
    } while (0)

#endif
