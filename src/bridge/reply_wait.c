/* Waiting for a reply. A thread that waits for the only outstanding reply reads it from the connection itself, if
 * libzookeeper runs on our adaptor. Then the reply need not wake one thread that wakes another. Without the GIL, as
 * every wait.
 *
 * Completions then run on this thread, also those of other threads' requests. They are the same C that runs on the I/O
 * thread (completions.c), and do nothing else here. */
#include "internal.h"

#ifdef ZKC_OWN_ADAPTOR

#include "adaptor/zkc_adaptor.h"

/* The session in which this thread has made a corked call, whose request is not sent yet; a reference. If the session
 * is closed before that, close completes the request. */
static _Thread_local zkc_session *corked;

void zkc_cork(void)
{
    zkc_uncork();
    zkc_adaptor_cork(1);
}

void zkc_leave_corked(zkc_session *session)
{
    if (zkc_adaptor_take_corked()) {
        zkc__session_ref(session);
        corked = session;
    }
    zkc_leave(session);
}

static void drop_corked(void)
{
    zkc_session *session = corked;

    corked = NULL;
    if (session != NULL && session->generation == zkc_generation()) /* a forked child frees nothing */
        zkc_session_unref(session);
}

void zkc_uncork(void)
{
    zkc_adaptor_cork(0);
    if (corked != NULL && zkc_enter(corked) == ZKC_ENTERED) {
        zkc_adaptor_uncork(corked->handle);
        zkc_leave(corked);
    }
    drop_corked();
}

static int is_enough(void *context)
{
    zkc_request *request = context;

    return zkc_request_done(request) || zkc_word_get(&request->session->closing) != ZKC_NOT_CLOSING;
}

/* The request that this thread has polled for without a reply. Until it goes on, it is inside the session, and the
 * reader. */
static _Thread_local const zkc_request *polled;

int zkc_is_polling(const zkc_request *request)
{
    return polled == request;
}

static int begin_reading(zkc_request *request)
{
    zkc_session *session = request->session;

    /* With more than one request in flight the I/O thread is needed in any case. */
    if (session->kick[0] < 0 || zkc_in_flight(session) != 1 || zkc_enter(session) != ZKC_ENTERED) {
        zkc_uncork();
        return 0;
    }
    if (corked != session)
        zkc_uncork();
    atomic_fetch_or(&request->bits, ZKC_READING);
    return 1;
}

static void end_reading(zkc_request *request, int refused)
{
    atomic_fetch_and(&request->bits, ~(uint32_t)ZKC_READING);
    if (refused)
        zkc_uncork(); /* the request may not be sent yet */
    else
        drop_corked();
    zkc_leave(request->session);
}

enum zkc_poll zkc__poll_reply(zkc_request *request, int64_t nanoseconds)
{
    zkc_session *session = request->session;
    int resumes = polled == request, outcome;

    polled = NULL;
    if (!resumes && !begin_reading(request))
        return ZKC_POLL_REFUSED;
    zkc__set_awaited(request);
    outcome = zkc_adaptor_peek(session->handle, resumes, session->kick[0], is_enough, request, nanoseconds);
    zkc__set_awaited(NULL);
    if (outcome == ZKC_READ_NOT_YET) {
        drop_corked(); /* the request is sent */
        polled = request;
        return ZKC_POLL_NOT_YET;
    }
    end_reading(request, outcome == ZKC_READ_REFUSED);
    return outcome == ZKC_READ_REFUSED ? ZKC_POLL_REFUSED : ZKC_POLL_DONE;
}

static int read_reply(zkc_request *request, int64_t nanoseconds)
{
    zkc_session *session = request->session;
    int resumes = polled == request, outcome;

    polled = NULL;
    if (!resumes && !begin_reading(request))
        return -1;
    zkc__set_awaited(request);
    outcome = zkc_adaptor_read(session->handle, resumes, session->kick[0], is_enough, request, nanoseconds);
    zkc__set_awaited(NULL);
    end_reading(request, outcome == ZKC_READ_REFUSED);
    if (outcome == ZKC_READ_TIMED_OUT)
        return ZKC_TIMED_OUT;
    return outcome == ZKC_READ_INTERRUPTED ? ZKC_INTERRUPTED : -1;
}

#else

void zkc_cork(void)
{
}

void zkc_leave_corked(zkc_session *session)
{
    zkc_leave(session);
}

void zkc_uncork(void)
{
}

int zkc_is_polling(const zkc_request *request)
{
    (void)request;
    return 0;
}

enum zkc_poll zkc__poll_reply(zkc_request *request, int64_t nanoseconds)
{
    (void)request, (void)nanoseconds;
    return ZKC_POLL_REFUSED;
}

static int read_reply(zkc_request *request, int64_t nanoseconds)
{
    (void)request, (void)nanoseconds;
    return -1;
}

#endif

/* ---- waiting: by reading where that is possible, else asleep ------------------------------------------------- */

int zkc_request_wait(zkc_request *request, int64_t nanoseconds)
{
    uint32_t bits = atomic_load(&request->bits);
    int rc = -1;

    if (!(bits & ZKC_DONE) || zkc_is_polling(request)) /* a thread that has polled ends its reading there */
        rc = read_reply(request, nanoseconds);
    if (zkc_request_done(request))
        return ZKC_WOKEN;
    if (rc != -1)
        return rc;
    bits = atomic_fetch_or(&request->bits, ZKC_WAITING) | ZKC_WAITING;
    if (bits & ZKC_DONE)
        return ZKC_WOKEN;
    rc = zkc_word_wait(&request->bits, bits, nanoseconds);
    if (zkc_request_done(request))
        return ZKC_WOKEN;
    return rc == ZKC_WOKEN ? ZKC_INTERRUPTED : rc;
}
