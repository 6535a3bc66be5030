/* Everything at once: threads submit, wait, get notices, watch and forget, the library answers and fires from its
 * threads, and somewhere in the middle the session is closed, abandoned or both. Whatever the order, every token is
 * returned once, every request has one end, and STOP is the last item. */
#include "support.h"

#define SUBMITTERS 3
#define EACH 250
#define RUNS 120

struct run {
    zkc_session *session;
    uint64_t seed;
    atomic_int submitted, refused;
    struct token told, watch;
};

struct submitter {
    pthread_t thread;
    struct run *run;
    uint64_t random;
};

static void random_path(char *path, size_t size, uint64_t *random)
{
    snprintf(path, size, "/node/%u", next_random(random) % 20);
}

/* The library's part of a request: it answers from either thread, or never. Between enter and leave. */
static void call_library(zkc_session *session, zkc_request *request, uint64_t *random)
{
    static void (*const replies[])(void *) = {reply_ok, reply_ok, reply_no_node, reply_connection_loss};
    uint32_t choice = next_random(random) % 32;

    if (choice == 0)
        return; /* close will settle it */
    fake_post(session->handle, choice % 8 == 1 ? FAKE_IO : FAKE_COMPLETION, replies[choice % 4], request);
    if (choice % 4 == 2) {
        static const int types[] = {1, 2, 3, 4, -1};
        char path[32];

        random_path(path, sizeof path, random);
        fake_event(session->handle, zkc_on_watch, types[next_random(random) % 5], ZOO_CONNECTED_STATE, path);
    }
}

static void one_call(struct run *run, uint64_t *random)
{
    struct token *told = next_random(random) % 2 ? &run->told : NULL;
    uint32_t choice = next_random(random) % 8;
    zkc_request *request;
    char path[32];

    random_path(path, sizeof path, random);
    request = new_request((int)(choice % 2), path, choice < 4 ? &run->watch : NULL);
    request->arm_on_missing = choice == 2;
    if (choice == 7) {
        request->watches_to_remove = 3;
        request->removal_path = strdup(path);
    }
    request = lend(run->session, request, told);
    if (request == NULL) {
        atomic_fetch_add(&run->refused, 1);
        return;
    }
    atomic_fetch_add(&run->submitted, 1);
    call_library(run->session, request, random);
    zkc_leave(run->session);
    switch (next_random(random) % 4) {
    case 0: zkc_request_wait(request, 100000); break;
    case 1:
        if (told == NULL && tell(request, &run->told))
            zkc_request_unref(request), atomic_fetch_sub(&run->told.out, 1); /* done: no notice is needed */
        break;
    case 2:
        zkc_has_other_watches(run->session, path, 3, &run->watch);
        zkc_count_watches(run->session, path, 3, NULL);
        break;
    case 3:
        if (choice % 2)
            zkc_request_abandon_pending(request);
        else
            zkc_request_abandon(request);
        break;
    }
    if (next_random(random) % 16 == 0)
        zkc_forget_watches(run->session, path, 3, NULL);
    zkc_request_unref(request); /* done or not */
}

static void *submit_many(void *argument)
{
    struct submitter *submitter = argument;

    for (int i = 0; i < EACH; i++)
        one_call(submitter->run, &submitter->random);
    return NULL;
}

static void *abandon(void *argument)
{
    zkc_session_abandon(argument);
    return NULL;
}

static void one_run(uint64_t seed, int *after_close)
{
    struct run run = {.seed = seed, .session = open_session(1 + (int)(seed % 40), seed % 3 == 0)};
    struct submitter submitters[SUBMITTERS];
    struct dispatcher dispatcher;
    pthread_t abandoning[2];
    int hang = seed % 4 == 1, abandons = hang ? 2 : (int)(seed % 3);
    uint64_t random = seed;

    dispatcher_start(&dispatcher, run.session);
    if (hang)
        gate_shut(&fake.close);
    for (int i = 0; i < SUBMITTERS; i++) {
        submitters[i].run = &run;
        submitters[i].random = seed * 31 + (uint64_t)i;
        pthread_create(&submitters[i].thread, NULL, submit_many, &submitters[i]);
    }
    WAIT_UNTIL(atomic_load(&run.submitted) > (int)(next_random(&random) % 100));
    if (seed % 5 == 0)
        fake_event(run.session->handle, zkc__on_event, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "");
    if (seed % 2)
        zkc_session_close(run.session);
    for (int i = 0; i < abandons && i < 2; i++)
        pthread_create(&abandoning[i], NULL, abandon, run.session);
    zkc_session_close(run.session);
    dispatcher_join(&dispatcher);
    for (int i = 0; i < abandons && i < 2; i++)
        pthread_join(abandoning[i], NULL);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i].thread, NULL);
    gate_open(&fake.close);
    wait_closed(run.session);
    CHECK(is_empty(&dispatcher.inbox));
    CHECK_EQ(atomic_load(&run.told.out), 0);
    CHECK_EQ(atomic_load(&run.watch.out), 0);
    CHECK_EQ(atomic_load(&run.submitted) + atomic_load(&run.refused), SUBMITTERS * EACH);
    *after_close += atomic_load(&run.refused) > 0;
    release_session(run.session);
}

static void whatever_the_order_everything_comes_home(void)
{
    int after_close = 0;

    for (uint64_t seed = 1; seed <= RUNS; seed++)
        one_run(seed, &after_close);
    CHECK(after_close > 0); /* some calls did come too late, or nothing was tested */
}

/* Threads inside and out while the handle goes: no thread inside sees it gone. */
static atomic_int stop_entering;

static void *enter_and_leave(void *argument)
{
    zkc_session *session = argument;
    int refused = 0;

    while (!atomic_load(&stop_entering)) {
        if (zkc_enter(session) == ZKC_ENTERED) {
            CHECK(!refused); /* once closed, closed */
            CHECK(session->handle != NULL);
            fake_event(session->handle, zkc__on_event, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "");
            zkc_leave(session);
        } else {
            refused = 1;
        }
        sched_yield();
    }
    return NULL;
}

static void nobody_inside_sees_the_handle_go(void)
{
    for (int round = 0; round < 40; round++) {
        zkc_session *session = open_session(10, 0);
        struct dispatcher dispatcher;
        pthread_t threads[4];
        uint32_t events = zkc_word_get(&session->events);

        atomic_store(&stop_entering, 0);
        dispatcher_start(&dispatcher, session);
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, enter_and_leave, session);
        while (zkc_word_get(&session->events) - events < 10)
            zkc_word_wait(&session->events, zkc_word_get(&session->events), 1000000);
        zkc_session_close(session);
        dispatcher_join(&dispatcher);
        wait_closed(session);
        atomic_store(&stop_entering, 1);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        release_session(session);
    }
}

/* Two threads close, one abandons, one waits for the end: STOP still comes once. */
static void *close_it(void *argument)
{
    zkc_session_close(argument);
    wait_closed(argument);
    return NULL;
}

static void closing_and_abandoning_at_once_stops_once(void)
{
    for (int round = 0; round < 100; round++) {
        zkc_session *session = open_session(10, 0);
        struct dispatcher dispatcher;
        pthread_t threads[4];

        zkc_request_unref(submit(session, NULL));
        dispatcher_start(&dispatcher, session);
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, i == round % 4 ? abandon : close_it, session);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        dispatcher_join(&dispatcher);
        CHECK_EQ(dispatcher.session_events, 1);
        release_session(session);
    }
}

int main(void)
{
    RUN(whatever_the_order_everything_comes_home);
    RUN(nobody_inside_sees_the_handle_go);
    RUN(closing_and_abandoning_at_once_stops_once);
    return 0;
}
