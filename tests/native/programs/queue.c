/* The queue: many threads push, one takes; every item once, in each thread's order, and no wake-up lost. */
#include "support.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PRODUCERS 6
#define EACH 4000

static zkc_queue queue;

static zkc_item *numbered(int producer, int number)
{
    zkc_item *item = zkc__item_new(ZKC_ITEM_SESSION, NULL, producer, number, "/path");

    CHECK(item != NULL);
    return item;
}

static void *produce(void *argument)
{
    int producer = *(int *)argument;
    uint64_t random = (uint64_t)producer + 1;

    for (int i = 0; i < EACH; i++) {
        zkc_queue_push(&queue, numbered(producer, i));
        if (next_random(&random) % 64 == 0)
            sched_yield(); /* so that the queue is empty now and then */
    }
    return NULL;
}

/* Check a list against what is expected next from each producer; returns its length. */
static int count_in_order(zkc_item *items, int *expected)
{
    int count = 0;

    for (zkc_item *next; items != NULL; items = next, count++) {
        next = items->next;
        CHECK_EQ(items->state, expected[items->type]);
        expected[items->type]++;
        zkc_item_free(items);
    }
    return count;
}

static void start_producers(pthread_t *threads, int *numbers)
{
    for (int i = 0; i < PRODUCERS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, produce, &numbers[i]);
    }
}

static void every_item_arrives_once_in_its_threads_order(void)
{
    pthread_t threads[PRODUCERS];
    int numbers[PRODUCERS], expected[PRODUCERS] = {0}, count = 0;

    zkc__queue_init(&queue);
    start_producers(threads, numbers);
    while (count < PRODUCERS * EACH) /* a lost wake-up would let it stand still */
        count += count_in_order(zkc_queue_take(&queue, -1), expected);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(zkc_queue_take(&queue, 0) == NULL);
    zkc__queue_destroy(&queue);
}

static void an_event_loop_is_told_by_the_descriptor(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_t threads[PRODUCERS];
    int numbers[PRODUCERS], expected[PRODUCERS] = {0}, count = 0;

    CHECK(fd >= 0);
    zkc__queue_init(&queue);
    zkc_queue_set_notify_fd(&queue, fd);
    start_producers(threads, numbers);
    while (count < PRODUCERS * EACH) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        uint64_t wakes;

        CHECK_EQ(poll(&ready, 1, 60000), 1);
        CHECK_EQ(read(fd, &wakes, sizeof wakes), sizeof wakes); /* before the take: what comes after it wakes again */
        count += count_in_order(zkc_queue_take(&queue, 0), expected);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    zkc__queue_destroy(&queue);
    close(fd);
}

static uint64_t wakes_of(int fd)
{
    uint64_t wakes = 0;

    if (read(fd, &wakes, sizeof wakes) != sizeof wakes)
        return 0;
    return wakes;
}

static void one_wake_up_is_spent_on_a_burst(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), expected[1] = {0};

    zkc__queue_init(&queue);
    zkc_queue_set_notify_fd(&queue, fd);
    CHECK_EQ(wakes_of(fd), 0);
    for (int i = 0; i < 100; i++)
        zkc_queue_push(&queue, numbered(0, i));
    CHECK_EQ(wakes_of(fd), 1);
    CHECK_EQ(count_in_order(zkc_queue_take(&queue, -1), expected), 100);
    zkc_queue_push(&queue, numbered(0, 100));
    CHECK_EQ(wakes_of(fd), 1);
    zkc_queue_set_notify_fd(&queue, fd); /* something waits already: said at once */
    CHECK_EQ(wakes_of(fd), 1);
    zkc_queue_set_notify_fd(&queue, -1);
    CHECK_EQ(count_in_order(zkc_queue_take(&queue, 0), expected), 1);
    zkc_queue_push(&queue, numbered(0, 101));
    CHECK_EQ(wakes_of(fd), 0);
    CHECK_EQ(count_in_order(zkc_queue_take(&queue, 0), expected), 1);
    zkc__queue_destroy(&queue);
    close(fd);
}

static void a_full_descriptor_blocks_nobody(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), expected[1] = {0};
    uint64_t most = UINT64_MAX - 1;

    CHECK_EQ(write(fd, &most, sizeof most), sizeof most);
    zkc__queue_init(&queue);
    zkc_queue_set_notify_fd(&queue, fd);
    zkc_queue_push(&queue, numbered(0, 0));
    CHECK_EQ(count_in_order(zkc_queue_take(&queue, 0), expected), 1);
    zkc__queue_destroy(&queue);
    close(fd);
}

/* The descriptor may be closed, and its number be used again, as soon as the queue knows. */
static void a_descriptor_is_left_alone_once_it_was_replaced(void)
{
    pthread_t threads[PRODUCERS];
    int numbers[PRODUCERS], expected[PRODUCERS] = {0}, count = 0;

    zkc__queue_init(&queue);
    start_producers(threads, numbers);
    while (count < PRODUCERS * EACH) {
        int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), other;

        zkc_queue_set_notify_fd(&queue, fd);
        count += count_in_order(zkc_queue_take(&queue, 1000000), expected);
        zkc_queue_set_notify_fd(&queue, -1);
        close(fd);
        other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        CHECK_EQ(other, fd);
        count += count_in_order(zkc_queue_take(&queue, 0), expected);
        CHECK_EQ(wakes_of(other), 0);
        close(other);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    zkc__queue_destroy(&queue);
}

static void a_notifier_is_readable_until_it_is_drained(void)
{
    int fds[2], expected[1] = {0};
    struct pollfd ready = {.events = POLLIN};

    CHECK_EQ(zkc_notifier_open(fds), 0);
    ready.fd = fds[0];
    CHECK_EQ(poll(&ready, 1, 0), 0);
    zkc__queue_init(&queue);
    zkc_queue_set_notify_fd(&queue, fds[1]);
    zkc_queue_push(&queue, numbered(0, 0));
    zkc_notifier_wake(fds[1]);
    CHECK_EQ(poll(&ready, 1, 0), 1);
    zkc_notifier_drain(fds[0]);
    CHECK_EQ(poll(&ready, 1, 0), 0);
    CHECK_EQ(count_in_order(zkc_queue_take(&queue, 0), expected), 1);
    zkc__queue_destroy(&queue);
    zkc_notifier_close(fds);
    CHECK_EQ(fds[0], -1);
    zkc_notifier_close(fds);
    zkc_notifier_wake(-1);
    zkc_notifier_drain(-1);
}

static void taking_from_an_empty_queue_ends_at_its_limit(void)
{
    int64_t begin = zkc_now_ns();

    zkc__queue_init(&queue);
    CHECK(zkc_queue_take(&queue, 0) == NULL);
    while (zkc_now_ns() - begin < 20000000)
        CHECK(zkc_queue_take(&queue, 20000000) == NULL);
    zkc__queue_destroy(&queue);
}

static void an_item_owns_its_path(void)
{
    char path[] = "/a";
    zkc_item *item = zkc__item_new(ZKC_ITEM_SESSION, NULL, -1, 3, path);
    zkc_item *without = zkc__item_new(ZKC_ITEM_SESSION, NULL, -1, 3, NULL);

    path[1] = 'b';
    CHECK_TEXT(item->path, "/a");
    CHECK_TEXT(without->path, "");
    zkc_item_free(item);
    zkc_item_free(without);
    for (int at = 1; at <= 2; at++) {
        fail_allocation_at = at;
        CHECK(zkc__item_new(ZKC_ITEM_SESSION, NULL, -1, 3, "/a") == NULL);
    }
}

int main(void)
{
    RUN(every_item_arrives_once_in_its_threads_order);
    RUN(an_event_loop_is_told_by_the_descriptor);
    RUN(one_wake_up_is_spent_on_a_burst);
    RUN(a_full_descriptor_blocks_nobody);
    RUN(a_descriptor_is_left_alone_once_it_was_replaced);
    RUN(a_notifier_is_readable_until_it_is_drained);
    RUN(taking_from_an_empty_queue_ends_at_its_limit);
    RUN(an_item_owns_its_path);
    return 0;
}
