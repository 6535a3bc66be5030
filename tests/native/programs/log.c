/* The library's log lines: copied from any thread, bounded, and read by one. */
#include "support.h"

#include <unistd.h>

#define THREADS 4
#define EACH 3000

/* Take what is there and free it; returns how many lines, and adds to *dropped. */
static unsigned drain(int64_t nanoseconds, unsigned *dropped)
{
    unsigned lines = 0, now;

    for (zkc_log_line *line = zkc_log_take(nanoseconds, &now), *next; line != NULL; line = next, lines++) {
        next = line->next;
        free(line);
    }
    *dropped += now;
    return lines;
}

static void check_next(const char *expected)
{
    unsigned dropped;
    zkc_log_line *line = zkc_log_take(LONG_NS, &dropped);

    CHECK(line != NULL && line->next == NULL);
    CHECK_TEXT(line->text, expected);
    free(line);
}

static void a_line_is_copied_without_its_end(void)
{
    char text[] = "a line\n";

    zkc__on_log(text);
    text[0] = 'x';
    check_next("a line");
    zkc__on_log("two\nlines\n\n");
    check_next("two\nlines");
    zkc__on_log("");
    zkc__on_log("\n");
    zkc__on_log("last");
    check_next("last");
}

static void lines_come_in_order(void)
{
    unsigned dropped;
    zkc_log_line *line;
    char text[16];
    int i = 0;

    for (; i < 100; i++) {
        snprintf(text, sizeof text, "%d", i);
        zkc__on_log(text);
    }
    i = 0;
    for (zkc_log_line *next = zkc_log_take(0, &dropped); (line = next) != NULL; i++) {
        CHECK_EQ(atoi(line->text), i);
        next = line->next;
        free(line);
    }
    CHECK_EQ(i, 100);
}

static void lines_that_nobody_reads_are_counted_and_dropped(void)
{
    unsigned dropped = 0, lines;

    for (int i = 0; i < 10000; i++)
        zkc__on_log("a line");
    lines = drain(0, &dropped);
    CHECK(lines >= 1000 && lines < 10000);
    CHECK_EQ(lines + dropped, 10000);
    dropped = 0;
    CHECK_EQ(drain(0, &dropped), 0);
    CHECK_EQ(dropped, 0); /* said once */
    zkc__on_log("and again there is room");
    CHECK_EQ(drain(0, &dropped), 1);
    fail_allocation_at = 1;
    zkc__on_log("no memory");
    CHECK_EQ(drain(0, &dropped), 0);
    CHECK_EQ(dropped, 1);
}

static void *write_lines(void *argument)
{
    (void)argument;
    for (int i = 0; i < EACH; i++) {
        zkc__on_log("a line");
        if (i % 100 == 0)
            sched_yield();
    }
    return NULL;
}

static void every_line_of_every_thread_is_read_or_counted(void)
{
    pthread_t threads[THREADS];
    unsigned lines = 0, dropped = 0;

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_lines, NULL);
    while (lines + dropped < THREADS * EACH) /* a lost wake-up would let it stand still */
        lines += drain(-1, &dropped);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(lines + dropped, THREADS * EACH);
}

static void *read_once(void *argument)
{
    unsigned dropped = 0;

    (void)argument;
    CHECK_EQ(drain(-1, &dropped), 0);
    return NULL;
}

/* Whether the reader waits already or is about to: a reader that is to stop must not wait for the next line. */
static void a_wake_is_not_lost(void)
{
    pthread_t thread;

    for (int i = 0; i < 300; i++) {
        pthread_create(&thread, NULL, read_once, NULL);
        if (i % 2)
            sched_yield();
        zkc_log_wake();
        pthread_join(thread, NULL);
    }
    zkc_log_wake();
    read_once(NULL);
}

static void a_take_ends_at_its_limit(void)
{
    unsigned dropped = 0;

    CHECK_EQ(drain(0, &dropped), 0);
    CHECK_EQ(drain(1000000, &dropped), 0);
}

static void what_the_library_prints_arrives_as_lines(void)
{
    FILE *stream;

    zkc_log_init();
    stream = fake.log_stream;
    CHECK(stream != NULL);
    fprintf(stream, "2026-01-01 00:00:00,000:1:ZOO_INFO@main@1: %s\n", "hello");
    fflush(stream);
    check_next("2026-01-01 00:00:00,000:1:ZOO_INFO@main@1: hello");
    fclose(stream);
}

int main(void)
{
    RUN(a_line_is_copied_without_its_end);
    RUN(lines_come_in_order);
    RUN(lines_that_nobody_reads_are_counted_and_dropped);
    RUN(every_line_of_every_thread_is_read_or_counted);
    RUN(a_wake_is_not_lost);
    RUN(a_take_ends_at_its_limit);
    RUN(what_the_library_prints_arrives_as_lines);
    return 0;
}
