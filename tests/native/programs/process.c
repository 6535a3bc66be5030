/* A session in its process: a thread that cannot start, a fork, the end of the interpreter. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct token told, watch;

static void on_signal(int number)
{
    (void)number;
}

/* ---- no thread ------------------------------------------------------------------------------------------------ */

static void without_a_thread_opening_fails_at_once(void)
{
    zkc_session *session = zkc_session_new(10, 0);

    atomic_store(&fail_threads, 1);
    CHECK_EQ(zkc_session_open(session, plain_args()), EAGAIN);
    CHECK_EQ(zkc_word_get(&session->opened), ZKC_OPEN_FAILED);
    CHECK_EQ(session->open_errno, EAGAIN);
    CHECK_EQ(atomic_load(&fake.handles), 0);
    close_session(session);
}

static void without_a_thread_the_caller_closes(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = submit(session, &told);
    char before[16], after[16];

    arm(session, ZKC_WATCH_DATA, "/a", &watch);
    prctl(PR_GET_NAME, before);
    atomic_store(&fail_threads, 1);
    zkc_session_close(session);
    CHECK_EQ(zkc_word_get(&session->closing), ZKC_CLOSED);
    CHECK_EQ(atomic_load(&fake.handles), 0);
    prctl(PR_GET_NAME, after);
    CHECK_TEXT(after, before); /* a thread that is not ours keeps its name */
    expect(&inbox, ZKC_ITEM_REQUEST, &told);
    expect_event(&inbox, &watch, ZOO_SESSION_EVENT, 0, "/a");
    expect_stop(&inbox);
    finish_request(request, ZCLOSING);
    release_session(session);
}

static void without_any_thread_nothing_is_left(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    struct inbox inbox = {session, NULL, 0};

    atomic_store(&fail_threads, 2);
    CHECK_EQ(zkc_session_open(session, plain_args()), EAGAIN);
    zkc_session_close(session);
    CHECK_EQ(atomic_load(&fail_threads), 0);
    expect_stop(&inbox);
    release_session(session);
}

/* ---- threads of ours take no signals -------------------------------------------------------------------------- */

static atomic_int blocked, threads_seen;

static void look_at_the_mask(void *argument)
{
    sigset_t mask;

    (void)argument;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGUSR1))
        atomic_fetch_add(&blocked, 1);
    atomic_fetch_add(&threads_seen, 1);
}

static void the_librarys_threads_take_no_signals(zkc_session *session)
{
    sigset_t mask;

    fake_post(session->handle, FAKE_COMPLETION, look_at_the_mask, NULL);
    fake_post(session->handle, FAKE_IO, look_at_the_mask, NULL);
    fake_settle(session->handle);
    CHECK_EQ(atomic_load(&threads_seen), 2);
    CHECK_EQ(atomic_load(&blocked), 2);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGINT)); /* and ours is as it was */
}

/* ---- fork ----------------------------------------------------------------------------------------------------- */

/* Run `body` in a forked child; 0 when it returned. */
static int in_child(void (*body)(zkc_session *), zkc_session *session)
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        body(session);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

static void use_in_child(zkc_session *session)
{
    CHECK(zkc_generation() != session->generation);
    CHECK_EQ(zkc_enter(session), ZKC_REFUSED_FORKED);
    CHECK_EQ(zkc_word_get(&session->closing), ZKC_NOT_CLOSING);
}

static void a_forked_child_is_refused_and_the_parent_goes_on(zkc_session *session)
{
    uint32_t generation = zkc_generation();
    zkc_request *request = submit(session, NULL);

    CHECK_EQ(in_child(use_in_child, session), 0);
    CHECK_EQ(zkc_generation(), generation);
    CHECK_EQ(zkc_enter(session), ZKC_ENTERED);
    zkc_leave(session);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
    finish_request(request, ZOK);
}

static zkc_request *held;

static void release_in_child(zkc_session *session)
{
    /* As Python's object does when it is collected there: its reference goes, the loan's stays. */
    zkc_request_unref(held);
    use_in_child(session);
}

static void a_forked_child_may_drop_its_copy_of_a_request(zkc_session *session)
{
    held = submit(session, NULL);
    CHECK_EQ(in_child(release_in_child, session), 0);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, held);
    finish_request(held, ZOK);
}

static void grandchild(zkc_session *session)
{
    uint32_t generation = zkc_generation();

    CHECK_EQ(in_child(use_in_child, session), 0);
    CHECK_EQ(zkc_generation(), generation);
}

static void a_childs_child_is_refused_too(zkc_session *session)
{
    CHECK_EQ(in_child(grandchild, session), 0);
}

/* A fork while other threads log: in the child the log's lock is free and its lines are the child's own. The log is
 * full by then, so that the threads take its lock but not the allocator's, which sanitizers do not mend in a child. */
static atomic_int forking;

static void *log_meanwhile(void *argument)
{
    (void)argument;
    while (atomic_load(&forking))
        zkc__on_log("a line of the parent");
    return NULL;
}

static void log_in_child(zkc_session *session)
{
    unsigned dropped;
    zkc_log_line *line = zkc_log_take(0, &dropped);

    (void)session;
    CHECK(line == NULL);
    CHECK_EQ(dropped, 0);
    zkc__on_log("a line of the child");
    line = zkc_log_take(0, &dropped);
    CHECK(line != NULL && line->next == NULL);
    CHECK_TEXT(line->text, "a line of the child");
    free(line);
}

static void a_fork_while_threads_log_does_not_hang_the_child(void)
{
    pthread_t threads[2];

    for (int i = 0; i < 10000; i++)
        zkc__on_log("a line of the parent");
    atomic_store(&forking, 1);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, log_meanwhile, NULL);
    for (int i = 0; i < 25; i++)
        CHECK_EQ(in_child(log_in_child, NULL), 0);
    atomic_store(&forking, 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

static atomic_int rounds;

static void *come_and_go(void *argument)
{
    (void)argument;
    for (;;) {
        zkc_block_if_shutdown();
        atomic_fetch_add(&rounds, 1);
        sched_yield();
    }
    return NULL;
}

/* The last test: the process stays quiet, and its end, with a thread at rest, is silent. */
static void once_it_is_quiet_no_thread_comes_back(void)
{
    pthread_t thread;
    int seen;

    zkc_block_if_shutdown(); /* returns */
    pthread_create(&thread, NULL, come_and_go, NULL);
    pthread_detach(thread);
    WAIT_UNTIL(atomic_load(&rounds) > 10);
    zkc_shutdown_begin();
    /* It may be past the look already, once. */
    seen = atomic_load(&rounds);
    for (int i = 0; i < 100; i++) {
        pthread_kill(thread, SIGUSR1); /* a signal ends the pause, and it rests again */
        sched_yield();
    }
    CHECK(atomic_load(&rounds) <= seen + 1);
}

int main(void)
{
    zkc_process_init();
    zkc_log_init(); /* its fork handler */
    RUN(without_a_thread_opening_fails_at_once);
    RUN(without_a_thread_the_caller_closes);
    RUN(without_any_thread_nothing_is_left);
    RUN_IN_SESSION(the_librarys_threads_take_no_signals, 10, 0);
    RUN_IN_SESSION(a_forked_child_is_refused_and_the_parent_goes_on, 10, 0);
    RUN_IN_SESSION(a_forked_child_may_drop_its_copy_of_a_request, 10, 0);
    RUN_IN_SESSION(a_childs_child_is_refused_too, 10, 0);
    RUN(a_fork_while_threads_log_does_not_hang_the_child);
    signal(SIGUSR1, on_signal);
    RUN(once_it_is_quiet_no_thread_comes_back);
    return 0;
}
