/* Whether a thread that waits for the only reply there is keeps the GIL while it looks for it.
 *
 * Who gives the GIL up beside a thread of pure bytecode, and does so for longer than that thread takes to wake, gets it
 * back after the interpreter's switch interval, 5 ms, although the reply came after 30 us. So such a call looks with
 * the GIL, for no longer than `hold`; then it gives it up, asks for it again at once, and looks again, a few times. A
 * thread that is ready to run has it then, and who asked for it a switch interval ago has it in any case; one that has
 * still to wake mostly has not. It looks as long as looking has been credit it of late, and only while getting the GIL
 * back takes long: where it does not, keeping it would be of no use to the caller, and would keep the other threads.
 *
 * Nothing here waits, and nor does the look (zkc_adaptor_peek): a thread that has the GIL and waits for a mutex whose
 * owner waits for the GIL would never get it. */
#include "internal.h"

/* What is sent with the GIL at the most, in bytes: some ten microseconds' work. */
enum { MOST_SENT = 16 * 1024 };
/* How often the GIL is to come back quickly before it is believed that it does, and how long it is kept between two
 * tries to give it up, in nanoseconds. */
enum { CONTENDED = 3, BETWEEN_TRIES = 10000000 };
/* How many looks without a reply are forgiven, where a session begins, and how many calls later it is tried again. */
enum { MOST_CREDIT = 8, BEGINNING = 2, POLL_AGAIN = 32 };
/* What is no sign of a busy thread, however short the switch interval is, in nanoseconds. */
enum { SHORT_WAIT = 100000 };

/* Of the process, as the GIL is. All of them relaxed: an update that is lost costs a look, or a moment. */
static _Atomic int64_t hold = 50000;
static atomic_int most_times = 4;
static atomic_int contended;     /* up to CONTENDED: how lately the GIL took long to come back */
static _Atomic int64_t kept;     /* how long calls have kept it, in all */
static _Atomic int64_t tried_at; /* what `kept` was when it was last given up and came back */

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

    /* What other calls have kept it for is no sign of a busy thread: or they would be one for each other. */
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

/* Whether replies come in that time, as far as the last ones tell. */
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

/* Whether the first look is to be: the others follow from it. */
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
