/* Threads that enter and leave a session, and requests that take and return its slots in flight. */
#include "internal.h"

int zkc_enter(zkc_session *session)
{
    if (session->generation != zkc_generation())
        return ZKC_REFUSED_FORKED;
    atomic_fetch_add(&session->inside, 1);
    if (atomic_load(&session->closing) == ZKC_NOT_CLOSING) {
        if (atomic_load(&session->opened) == ZKC_OPEN)
            return ZKC_ENTERED;
        atomic_fetch_sub(&session->inside, 1);
        return ZKC_REFUSED_UNOPENED;
    }
    atomic_fetch_sub(&session->inside, 1);
    return ZKC_REFUSED_CLOSED;
}

void zkc_leave(zkc_session *session)
{
    atomic_fetch_sub(&session->inside, 1);
}

int zkc_slot_take(zkc_session *session, uint32_t *slots)
{
    int in_flight;

    *slots = atomic_load(&session->slots); /* before the count is read: a return after that changes the word */
    in_flight = atomic_load(&session->in_flight);
    do {
        if (in_flight >= session->max_in_flight + session->overdraft)
            return 1;
    } while (!atomic_compare_exchange_weak(&session->in_flight, &in_flight, in_flight + 1));
    return 0;
}

static _Thread_local int64_t place_deadline = -1;

void zkc_set_slot_deadline(int64_t deadline)
{
    place_deadline = deadline;
}

int64_t zkc_slot_deadline(void)
{
    return place_deadline;
}

int zkc_slot_wait(zkc_session *session, uint32_t slots, int64_t nanoseconds)
{
    int rc;

    zkc_slot_wanted(session, 1);
    rc = zkc_word_wait(&session->slots, slots, nanoseconds);
    zkc_slot_wanted(session, -1);
    return rc;
}

void zkc_slot_wanted(zkc_session *session, int change)
{
    atomic_fetch_add(&session->slot_waiters, change);
}

void zkc_slot_return(zkc_session *session)
{
    atomic_fetch_sub(&session->in_flight, 1);
    atomic_fetch_add(&session->slots, 1);
    if (atomic_load(&session->slot_waiters) > 0)
        zkc_word_wake(&session->slots);
}

int zkc_in_flight(zkc_session *session)
{
    return atomic_load(&session->in_flight);
}

int zkc_has_expired(zkc_session *session)
{
    return atomic_load(&session->expired);
}
