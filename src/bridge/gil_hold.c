/* Whether a thread that waits for the only outstanding reply keeps the GIL while it polls for it.
 *
 * Beside a thread of pure bytecode, giving the GIL up is expensive. If the wait is longer than that thread takes to
 * wake, the GIL comes back after the interpreter's switch interval. That is 5 ms, although the reply came after 30 us.
 * So such a call polls with the GIL, for no longer than `hold`. Then it gives the GIL up, asks for it again at once,
 * and polls again, a few times. Between two polls a thread that is ready to run gets the GIL. A thread that asked for
 * it a switch interval ago gets it in any case. A thread that has still to wake mostly does not. A call polls as long
 * as recent polls got replies, and only while getting the GIL back takes long. Otherwise keeping it would not help the
 * caller, and would block the other threads.
 *
 * Nothing here waits, nor does the poll (zkc_adaptor_peek). A thread with the GIL must not wait for a mutex: its owner
 * may wait for the GIL. */
#include "internal.h"

/* Largest request sent with the GIL, in bytes: some ten microseconds' work. */
enum { MOST_SENT = 16 * 1024 };
/* How often in a row the GIL must come back quickly before calls stop keeping it. And how long calls keep it between
 * two tries to give it up, in nanoseconds. */
enum { CONTENDED = 3, BETWEEN_TRIES = 10000000 };
/* The highest credit for polls, the credit of a new session, and after how many calls without credit a call polls
 * again. */
enum { MOST_CREDIT = 8, BEGINNING = 2, POLL_AGAIN = 32 };
/* A wait this short is no sign of a busy thread, even with a short switch interval; in nanoseconds. */
enum { SHORT_WAIT = 100000 };

/* For the whole process, as the GIL is. All relaxed: a lost update costs one poll, or a moment. */
static _Atomic int64_t hold = 50000;
static atomic_int most_times = 4;
static atomic_int contended;     /* counts down from CONTENDED, where it was set when the GIL took long to come back */
static _Atomic int64_t kept;     /* how long calls have kept the GIL, in all */
static _Atomic int64_t tried_at; /* value of `kept` when the GIL was last given up and came back */

void zkc_set_gil_hold(int64_t nanoseconds, int times)
{
    atomic_store(&hold, nanoseconds);
    atomic_store(&most_times, times);
}

void zkc_gil_wait_begin(zkc_gil_wait *asked)
{
    asked->at = zkc_now_ns();
    asked->kept = atomic_load_explicit(&kept, memory_order_relaxed);
}

int64_t zkc_gil_wait_ns(const zkc_gil_wait *asked)
{
    return zkc_now_ns() - asked->at;
}

void zkc_gil_wait_end(const zkc_gil_wait *asked, int64_t waited, int64_t interval, int tried)
{
    int64_t by_now = atomic_load_explicit(&kept, memory_order_relaxed);
    int before = atomic_load_explicit(&contended, memory_order_relaxed);

    /* Time for which other calls of ours kept the GIL is no sign of a busy thread. */
    if (waited >= SHORT_WAIT && waited - (by_now - asked->kept) >= interval / 2)
        atomic_store_explicit(&contended, CONTENDED, memory_order_relaxed);
    else if (!tried)
        return;
    else if (before > 0)
        atomic_store_explicit(&contended, before - 1, memory_order_relaxed);
    atomic_store_explicit(&tried_at, by_now, memory_order_relaxed);
}

static int64_t hold_due(const zkc_request *request)
{
    int64_t passed = atomic_load_explicit(&kept, memory_order_relaxed) -
                     atomic_load_explicit(&tried_at, memory_order_relaxed);

    if (atomic_load_explicit(&contended, memory_order_relaxed) == 0 || passed >= BETWEEN_TRIES ||
        request->sent_bytes > MOST_SENT)
        return 0;
    return atomic_load_explicit(&hold, memory_order_relaxed);
}

/* Whether replies come in that time, judged by the last replies. */
static int is_worthwhile(zkc_session *session)
{
    return atomic_load_explicit(&session->poll_credit, memory_order_relaxed) > -BEGINNING ||
           atomic_fetch_add_explicit(&session->polls_skipped, 1, memory_order_relaxed) % POLL_AGAIN == POLL_AGAIN - 1;
}

static void update_credit(zkc_session *session, int came)
{
    int credit = atomic_load_explicit(&session->poll_credit, memory_order_relaxed) + (came ? 2 : -1);

    if (credit > MOST_CREDIT - BEGINNING)
        credit = MOST_CREDIT - BEGINNING;
    if (credit >= -BEGINNING)
        atomic_store_explicit(&session->poll_credit, credit, memory_order_relaxed);
    zkc_metric_add(came ? &session->metrics.gil_kept : &session->metrics.gil_given_up, 1);
}

/* Whether to poll the first time; the other polls follow from it. */
static int begins(const zkc_request *request, int64_t limit)
{
    return limit > 0 && zkc_in_flight(request->session) == 1 && is_worthwhile(request->session);
}

enum zkc_gil_poll zkc_poll_with_gil(zkc_request *request, int *times, int64_t nanoseconds)
{
    zkc_session *session = request->session;
    int64_t limit = *times == 0 ? hold_due(request) : atomic_load_explicit(&hold, memory_order_relaxed), took;
    enum zkc_poll outcome;

    if (nanoseconds >= 0 && nanoseconds < limit)
        limit = nanoseconds;
    if (*times == 0 && !begins(request, limit))
        return ZKC_GIL_POLL_OVER;
    took = zkc_now_ns();
    outcome = zkc__poll_reply(request, limit);
    took = zkc_now_ns() - took;
    atomic_fetch_add_explicit(&kept, took, memory_order_relaxed);
    if (outcome == ZKC_POLL_REFUSED)
        return zkc_request_done(request) ? ZKC_GIL_POLL_DONE : ZKC_GIL_POLL_OVER;
    zkc_metric_add(&session->metrics.gil_ns, took);
    if (outcome == ZKC_POLL_NOT_YET && ++*times < atomic_load_explicit(&most_times, memory_order_relaxed))
        return ZKC_GIL_POLL_AGAIN;
    update_credit(session, outcome == ZKC_POLL_DONE);
    return zkc_request_done(request) ? ZKC_GIL_POLL_DONE : ZKC_GIL_POLL_OVER;
}
