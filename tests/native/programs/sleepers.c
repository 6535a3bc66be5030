/* Greenlets asleep on words: wakers, and the sleepers that they are to wake. Here a "greenlet" is a record in
 * memory. */
#include "support.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

static zkc_waker waker, other_waker;
static zkc_word word, other_word;

static int readable(zkc_waker *which)
{
    struct pollfd polled = {.fd = which->fds[0], .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

static void a_wake_goes_to_the_sleepers_of_its_word(void)
{
    zkc_sleeper sleepers[3] = {0};
    int names[3];

    CHECK_EQ(zkc_waker_open(&waker), 0);
    CHECK_EQ(zkc_waker_open(&other_waker), 0);
    zkc_sleep_begin(&sleepers[0], &word, &waker, &names[0]);
    zkc_sleep_begin(&sleepers[1], &word, &other_waker, &names[1]);
    zkc_sleep_begin(&sleepers[2], &other_word, &waker, &names[2]);
    CHECK_EQ(atomic_load(&zkc__sleeper_count), 3);
    CHECK(!readable(&waker));
    zkc_word_set(&word, 1);
    CHECK(readable(&waker));
    CHECK(readable(&other_waker));
    zkc_notifier_drain(waker.fds[0]);
    CHECK(zkc_waker_next(&waker) == &names[0]);
    CHECK(zkc_waker_next(&waker) == NULL);
    CHECK(zkc_waker_next(&other_waker) == &names[1]);
    zkc_word_wake(&word); /* no thread sleeps on it any more */
    CHECK(!readable(&waker));
    for (int i = 0; i < 3; i++) {
        zkc_sleep_end(&sleepers[i]);
        zkc_sleep_end(&sleepers[i]);
    }
    CHECK_EQ(atomic_load(&zkc__sleeper_count), 0);
}

static void who_leaves_is_not_woken(void)
{
    zkc_sleeper stays = {0}, leaves = {0}, woken = {0};
    int names[3];

    zkc_sleep_begin(&stays, &word, &waker, &names[0]);
    zkc_sleep_begin(&leaves, &word, &waker, &names[1]);
    zkc_sleep_begin(&woken, &word, &waker, &names[2]);
    zkc_sleep_end(&leaves);
    zkc_word_wake(&word);
    zkc_sleep_end(&woken); /* after it was woken, before it was taken */
    CHECK(zkc_waker_next(&waker) == &names[0]);
    CHECK(zkc_waker_next(&waker) == NULL);
    zkc_sleep_end(&stays);
    zkc_notifier_drain(waker.fds[0]);
}

static void *wake_again_and_again(void *argument)
{
    atomic_int *over = argument;

    while (!atomic_load(over))
        zkc_word_set(&word, zkc_word_get(&word) + 1);
    return NULL;
}

static void no_wake_is_lost(void)
{
    atomic_int over = 0;
    pthread_t thread;

    pthread_create(&thread, NULL, wake_again_and_again, &over);
    for (int round = 0; round < 20000; round++) {
        zkc_sleeper sleeper = {0};
        uint32_t seen = zkc_word_get(&word);

        zkc_sleep_begin(&sleeper, &word, &waker, &sleeper);
        if (zkc_word_get(&word) == seen) {
            struct pollfd polled = {.fd = waker.fds[0], .events = POLLIN};

            CHECK_EQ(poll(&polled, 1, 20000), 1);
            zkc_waker_next(&waker);
        }
        zkc_sleep_end(&sleeper);
        zkc_notifier_drain(waker.fds[0]); /* also a wake of a sleeper that did not poll: the next must not see it */
    }
    atomic_store(&over, 1);
    pthread_join(thread, NULL);
}

static void a_forked_child_wakes_nobody_of_its_parents(void)
{
    zkc_sleeper sleeper = {0};
    int status;
    pid_t child;

    zkc_process_init();
    zkc_sleep_begin(&sleeper, &word, &waker, &sleeper);
    child = fork();
    if (child == 0) {
        zkc_word_wake(&word);
        zkc_sleep_end(&sleeper);
        _exit(atomic_load(&zkc__sleeper_count) == 0 && zkc_waker_next(&waker) == NULL ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK(!readable(&waker));
    zkc_word_wake(&word);
    CHECK(readable(&waker));
    zkc_sleep_end(&sleeper);
    zkc_waker_close(&waker);
    zkc_waker_close(&other_waker);
}

static void a_lock_has_one_owner(void)
{
    zkc_word lock = 0;

    CHECK_EQ(zkc_word_try_lock(&lock), 0);
    CHECK_EQ(zkc_word_try_lock(&lock), -1);
    CHECK_EQ(zkc_word_swap(&lock, 0), 1);
    CHECK_EQ(zkc_word_try_lock(&lock), 0);
    CHECK(zkc_is_main_thread());
}

int main(void)
{
    RUN(a_wake_goes_to_the_sleepers_of_its_word);
    RUN(who_leaves_is_not_woken);
    RUN(no_wake_is_lost);
    RUN(a_forked_child_wakes_nobody_of_its_parents);
    RUN(a_lock_has_one_owner);
    return 0;
}
