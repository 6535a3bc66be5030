/* libzookeeper's log lines. The library logs from any thread, sometimes under its locks, and its callback has no
 * context. So a line is copied into a queue, and one Python thread passes it to logging. The queue is bounded: when it
 * is full, lines are counted and dropped. Logging never slows or blocks the library. */
#define _GNU_SOURCE
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 4096, MANY_LINES = MOST_LINES / 4, COMPANY_NS = 10000000 };

static struct {
    pthread_mutex_t lock;
    zkc_log_line *head, *tail;
    unsigned lines, dropped;
    int woken; /* by zkc_log_wake: kept until a reader has seen it */
    zkc_word wake;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_int wanted_level = 3;

void zkc_log_set_level(int level)
{
    atomic_store(&wanted_level, level);
}

static void wake_reader(void)
{
    atomic_fetch_add(&queue.wake, 1);
    zkc_word_wake(&queue.wake);
}

static void push(const char *text, size_t length)
{
    zkc_log_line *line = NULL;
    int wanted = 0; /* whether to wake the reader: for the first line, and when there are many */

    while (length > 0 && text[length - 1] == '\n')
        length--;
    if (length == 0)
        return;
    pthread_mutex_lock(&queue.lock);
    if (queue.lines < MOST_LINES)
        line = malloc(sizeof *line + length + 1);
    if (line == NULL) {
        queue.dropped++;
    } else {
        memcpy(line->text, text, length);
        line->text[length] = '\0';
        line->next = NULL;
        line->level = atomic_load(&wanted_level);
        if (queue.head == NULL)
            queue.head = line;
        else
            queue.tail->next = line;
        queue.tail = line;
        queue.lines++;
        wanted = queue.lines == 1 || queue.lines == MANY_LINES;
    }
    pthread_mutex_unlock(&queue.lock);
    if (wanted)
        wake_reader();
}

void zkc__on_log(const char *message)
{
    push(message, strlen(message));
}

static int is_there_nothing(void)
{
    int nothing;

    pthread_mutex_lock(&queue.lock);
    nothing = queue.head == NULL && !queue.woken;
    pthread_mutex_unlock(&queue.lock);
    return nothing;
}

zkc_log_line *zkc_log_take(int64_t nanoseconds, unsigned *dropped)
{
    uint32_t seen = atomic_load(&queue.wake);
    zkc_log_line *lines;

    if (nanoseconds != 0) {
        if (is_there_nothing())
            zkc_word_wait(&queue.wake, seen, nanoseconds);
        /* A line seldom comes alone: to wait for its company is cheaper than to be woken for each. */
        seen = atomic_load(&queue.wake);
        pthread_mutex_lock(&queue.lock);
        if (queue.woken || queue.head == NULL || queue.lines >= MANY_LINES)
            seen--; /* not now */
        pthread_mutex_unlock(&queue.lock);
        zkc_word_wait(&queue.wake, seen, COMPANY_NS);
    }
    pthread_mutex_lock(&queue.lock);
    lines = queue.head;
    queue.head = queue.tail = NULL;
    queue.lines = 0;
    *dropped = queue.dropped;
    queue.dropped = 0;
    queue.woken = 0;
    pthread_mutex_unlock(&queue.lock);
    return lines;
}

zkc_word *zkc_log_word(void)
{
    return &queue.wake;
}

void zkc_log_wake(void)
{
    pthread_mutex_lock(&queue.lock);
    queue.woken = 1;
    pthread_mutex_unlock(&queue.lock);
    wake_reader();
}

/* In a forked child: another thread of the parent may have held the lock. The lines are forgotten, not freed. */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&queue.lock, NULL);
    queue.head = queue.tail = NULL;
    queue.lines = queue.dropped = 0;
    queue.woken = 0;
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

#ifdef __linux__
/* zookeeper_init_ssl takes no log callback, and some lines have no handle: both go to the library's log stream.
 * The lines of this stream go into the queue, too, instead of to the process's stderr. */
static ssize_t write_line(void *cookie, const char *text, size_t length)
{
    (void)cookie;
    push(text, length);
    return (ssize_t)length;
}

static void take_log_stream(void)
{
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_line});

    if (stream == NULL)
        return;
    setvbuf(stream, NULL, _IOFBF, 8192); /* the library flushes after each line, so that a write is a line */
    zoo_set_log_stream(stream);
}
#else
static void take_log_stream(void)
{
}
#endif

void zkc_log_init(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
    take_log_stream();
}
