/* Places among the requests in flight: who finds none waits, and a reply, or the end, lets him go on. */
#include "support.h"

struct submitter {
    pthread_t thread;
    zkc_session *session;
    atomic_int state; /* 1: submitted, -1: refused */
    zkc_request *request;
};

static void *submit_one(void *argument)
{
    struct submitter *submitter = argument;

    submitter->request = submit(submitter->session, NULL);
    atomic_store(&submitter->state, submitter->request != NULL ? 1 : -1);
    return NULL;
}

static void a_full_session_lets_the_next_in_when_a_reply_comes(void)
{
    zkc_session *session = open_session(1, 0);
    struct submitter submitter = {.session = session};
    zkc_request *request = submit(session, NULL);
    uint32_t slots;

    for (int i = 0; i < 500; i++) {
        atomic_store(&submitter.state, 0);
        CHECK_EQ(zkc_slot_take(session, &slots), 1);
        CHECK_EQ(zkc_in_flight(session), 1);
        pthread_create(&submitter.thread, NULL, submit_one, &submitter);
        if (i % 4 == 0)
            WAIT_UNTIL(atomic_load(&session->slot_waiters) == 1);
        CHECK_EQ(atomic_load(&submitter.state), 0);
        fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
        pthread_join(submitter.thread, NULL);
        CHECK_EQ(atomic_load(&submitter.state), 1);
        finish_request(request, ZOK);
        request = submitter.request;
    }
    zkc_request_unref(request);
    close_session(session);
}

static void close_wakes_who_waits_for_a_slot(void)
{
    zkc_session *session = open_session(1, 0);
    struct submitter submitters[4];
    zkc_request *request = submit(session, NULL);

    memset(submitters, 0, sizeof submitters);
    for (int i = 0; i < 4; i++) {
        submitters[i].session = session;
        pthread_create(&submitters[i].thread, NULL, submit_one, &submitters[i]);
    }
    WAIT_UNTIL(atomic_load(&session->slot_waiters) == 4);
    gate_shut(&fake.close); /* no slot comes back */
    zkc_session_close(session);
    for (int i = 0; i < 4; i++) {
        pthread_join(submitters[i].thread, NULL);
        CHECK_EQ(atomic_load(&submitters[i].state), -1);
    }
    gate_open(&fake.close);
    finish_request(request, ZCLOSING);
    close_session(session);
}

static void *fill(void *argument)
{
    zkc_session *session = argument;
    uint32_t slots;

    for (int i = 0; i < 3000; i++) {
        while (zkc_slot_take(session, &slots))
            zkc_slot_wait(session, slots, -1); /* a wake-up that is lost would let it stand still */
        CHECK(zkc_in_flight(session) <= 3);
        zkc_slot_return(session);
    }
    return NULL;
}

static void there_are_never_more_in_flight_than_allowed(void)
{
    zkc_session *session = open_session(3, 0);
    pthread_t threads[6];

    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, fill, session);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    close_session(session);
}

static void a_wait_for_a_slot_has_a_limit(void)
{
    zkc_session *session = open_session(1, 0);
    zkc_request *request = submit(session, NULL);
    uint32_t slots;

    CHECK_EQ(zkc_slot_take(session, &slots), 1);
    CHECK_EQ(zkc_slot_wait(session, slots, 1000000), ZKC_TIMED_OUT);
    CHECK_EQ(atomic_load(&session->slot_waiters), 0);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
    wait_done(request);
    /* A place that was returned after the look: there is nothing to wait for. */
    CHECK_EQ(zkc_slot_wait(session, slots, -1), ZKC_WOKEN);
    CHECK_EQ(zkc_slot_take(session, &slots), 0);
    zkc_slot_return(session);
    zkc_request_unref(request);
    close_session(session);
}

int main(void)
{
    RUN(a_full_session_lets_the_next_in_when_a_reply_comes);
    RUN(close_wakes_who_waits_for_a_slot);
    RUN(there_are_never_more_in_flight_than_allowed);
    RUN(a_wait_for_a_slot_has_a_limit);
    return 0;
}
