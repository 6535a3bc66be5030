/* Words: threads asleep on a number. */
#include "support.h"

#include <errno.h>
#include <signal.h>

static zkc_word word;

static void a_changed_word_is_not_waited_for(void)
{
    atomic_store(&word, 5);
    CHECK_EQ(zkc_word_wait(&word, 4, -1), ZKC_WOKEN);
    CHECK_EQ(zkc_word_get(&word), 5);
}

static void the_limit_ends_a_wait(void)
{
    int64_t begin = zkc_now_ns();

    atomic_store(&word, 0);
    while (zkc_word_wait(&word, 0, 20000000) != ZKC_TIMED_OUT)
        ;
    CHECK(zkc_now_ns() - begin >= 20000000);
    CHECK_EQ(zkc_word_wait(&word, 0, 0), ZKC_TIMED_OUT);
}

static void the_clock_does_not_go_back(void)
{
    int64_t before = zkc_now_ns();

    for (int i = 0; i < 1000; i++) {
        int64_t now = zkc_now_ns();

        CHECK(now >= before);
        before = now;
    }
}

static atomic_int awake;

static void *sleeper(void *argument)
{
    while (zkc_word_get(&word) == 0)
        zkc_word_wait(&word, 0, *(int64_t *)argument);
    atomic_fetch_add(&awake, 1);
    return NULL;
}

/* Every sleeper, whether it sleeps already or is about to. */
static void wake_many(int64_t limit, int rounds)
{
    pthread_t threads[8];

    for (int round = 0; round < rounds; round++) {
        atomic_store(&word, 0);
        atomic_store(&awake, 0);
        for (int i = 0; i < 8; i++)
            pthread_create(&threads[i], NULL, sleeper, &limit);
        atomic_store(&word, 1);
        zkc_word_wake(&word);
        for (int i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(atomic_load(&awake), 8);
    }
}

static void a_wake_reaches_every_sleeper(void)
{
    wake_many(-1, 50);
    wake_many(LONG_NS, 50);
}

/* Two threads that take turns: one lost wake-up and they stand still. */
#define TURNS 20000

static void *player(void *argument)
{
    uint32_t mine = argument != NULL;

    for (uint32_t turn = mine; turn < TURNS; turn += 2) {
        uint32_t now;

        while ((now = zkc_word_get(&word)) != turn)
            zkc_word_wait(&word, now, -1);
        atomic_store(&word, turn + 1);
        zkc_word_wake(&word);
    }
    return NULL;
}

static void no_wake_is_lost(void)
{
    pthread_t other;

    atomic_store(&word, 0);
    pthread_create(&other, NULL, player, (void *)&word);
    player(NULL);
    pthread_join(other, NULL);
    CHECK_EQ(zkc_word_get(&word), TURNS);
}

/* ---- signals -------------------------------------------------------------------------------------------------- */

static void on_signal(int number)
{
    (void)number;
}

static atomic_int interrupted;

static void *interruptible(void *argument)
{
    int rc;

    (void)argument;
    while ((rc = zkc_word_wait(&word, 0, LONG_NS)) == ZKC_WOKEN && zkc_word_get(&word) == 0)
        ;
    CHECK_EQ(rc, ZKC_INTERRUPTED);
    atomic_store(&interrupted, 1);
    return NULL;
}

/* The wait is over long before its limit, whether the handler asks for system calls to be restarted or not. The signal
 * is repeated because it may come before the thread sleeps. */
static void interrupt(int flags)
{
    struct sigaction action = {.sa_flags = flags}, before;
    pthread_t thread;

    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, &before);
    atomic_store(&word, 0);
    atomic_store(&interrupted, 0);
    pthread_create(&thread, NULL, interruptible, NULL);
    WAIT_UNTIL(pthread_kill(thread, SIGUSR1) == 0 && atomic_load(&interrupted));
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
}

static void a_signal_interrupts_a_wait(void)
{
    interrupt(0);
}

static void a_restarting_signal_interrupts_a_wait_with_a_limit(void)
{
    interrupt(SA_RESTART);
}

static void a_signal_does_not_hide_a_wake(void)
{
    struct sigaction action = {.sa_flags = SA_RESTART}, before;
    int64_t limit = -1;
    pthread_t thread;

    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, &before);
    atomic_store(&word, 0);
    atomic_store(&awake, 0);
    pthread_create(&thread, NULL, sleeper, &limit);
    for (int i = 0; i < 20; i++) {
        pthread_kill(thread, SIGUSR1);
        sched_yield();
        CHECK_EQ(atomic_load(&awake), 0);
    }
    atomic_store(&word, 1);
    zkc_word_wake(&word);
    pthread_join(thread, NULL);
    CHECK_EQ(atomic_load(&awake), 1);
    sigaction(SIGUSR1, &before, NULL);
}

int main(void)
{
    RUN(a_changed_word_is_not_waited_for);
    RUN(the_limit_ends_a_wait);
    RUN(the_clock_does_not_go_back);
    RUN(a_wake_reaches_every_sleeper);
    RUN(no_wake_is_lost);
    RUN(a_signal_interrupts_a_wait);
    RUN(a_restarting_signal_interrupts_a_wait_with_a_limit);
    RUN(a_signal_does_not_hide_a_wake);
    return 0;
}
