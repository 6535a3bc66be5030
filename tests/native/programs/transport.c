/* The transport over socket pairs: what is gathered and read ahead, what goes straight to the system, and how a
 * connection ends. Under TLS: transport_tls.c. */
#include "check.h"
#include "transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = ZKC_TRANSPORT_ROOM, MEGABYTE = 1 << 20 };

struct pair {
    zkc_transport transport;
    int ours, theirs; /* ours does not block, like libzookeeper's */
};

static char pattern[MEGABYTE], copy[MEGABYTE];

static void bind_pair(struct pair *pair)
{
    int fds[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    pair->ours = fds[0];
    pair->theirs = fds[1];
    fcntl(pair->ours, F_SETFL, O_NONBLOCK);
    zkc_transport_bind(&pair->transport, pair->ours);
}

static void open_pair(struct pair *pair)
{
    zkc_transport_init(&pair->transport);
    zkc_transport_use(&pair->transport);
    bind_pair(pair);
}

static void close_pair(struct pair *pair)
{
    CHECK_EQ(zkc_hook_close(pair->ours), 0);
    CHECK_EQ(pair->transport.fd, -1);
    close(pair->theirs);
    zkc_transport_use(NULL);
    zkc_transport_free(&pair->transport);
}

static void make_small(struct pair *pair)
{
    int size = 4096;

    setsockopt(pair->ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(pair->theirs, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static ssize_t there(int fd)
{
    return recv(fd, copy, sizeof copy, MSG_PEEK | MSG_DONTWAIT);
}

static void read_all(int fd, char *into, size_t count)
{
    while (count > 0) {
        ssize_t got = recv(fd, into, count, 0);

        CHECK(got > 0);
        into += got;
        count -= (size_t)got;
    }
}

static void send_gathers_until_it_is_flushed(void)
{
    struct pair pair;

    open_pair(&pair);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(zkc_hook_send(pair.ours, pattern + i * 10, 10, 0), 10);
    CHECK_EQ(zkc_transport_unsent(&pair.transport), 1000);
    CHECK_EQ(there(pair.theirs), -1);
    CHECK_EQ(zkc_transport_flush(&pair.transport), 0);
    CHECK_EQ(there(pair.theirs), 1000); /* by one call: a socket pair keeps what was sent apart from the next */
    CHECK_EQ(memcmp(copy, pattern, 1000), 0);
    CHECK_EQ(zkc_transport_unsent(&pair.transport), 0);
    CHECK_EQ(zkc_transport_flush(&pair.transport), 0); /* nothing */
    close_pair(&pair);
}

/* As libzookeeper does: what was not taken is offered again. */
static void send_through(struct pair *pair, const char *bytes, size_t length, size_t piece)
{
    size_t begun = 0, received = 0;

    while (received < length) {
        size_t most = length - begun < piece ? length - begun : piece;
        ssize_t taken = most > 0 ? zkc_hook_send(pair->ours, bytes + begun, most, 0) : 0;

        CHECK(taken >= 0 || errno == EAGAIN);
        /* The rest is for later: then there is something in the buffer, whose end can be waited for. */
        CHECK(taken == (ssize_t)most || zkc_transport_unsent(&pair->transport) > 0);
        if (taken > 0)
            begun += (size_t)taken;
        CHECK(zkc_transport_unsent(&pair->transport) <= ROOM);
        if (taken < (ssize_t)most || begun == length) {
            int left = zkc_transport_flush(&pair->transport);
            ssize_t got = there(pair->theirs);

            CHECK(left == 0 || (left == 1 && pair->transport.stuck && zkc_transport_unsent(&pair->transport) > 0));
            CHECK_EQ(pair->transport.write_wants, POLLOUT);
            if (got > 0) {
                CHECK_EQ(memcmp(copy, bytes + received, (size_t)got), 0);
                read_all(pair->theirs, copy, (size_t)got);
                received += (size_t)got;
            }
        }
    }
    CHECK_EQ(begun, length);
    CHECK_EQ(zkc_transport_flush(&pair->transport), 0);
    CHECK_EQ(pair->transport.stuck, 0);
}

static void a_socket_with_little_room_gets_everything_in_order(void)
{
    static const size_t pieces[] = {7, 1000, ROOM - 1, ROOM, ROOM + 1, MEGABYTE};
    struct pair pair;

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        open_pair(&pair);
        make_small(&pair);
        send_through(&pair, pattern, pieces[i] < 100 ? 100000 : MEGABYTE, pieces[i]);
        close_pair(&pair);
    }
}

static void what_is_large_comes_behind_what_is_gathered(void)
{
    struct pair pair;

    open_pair(&pair);
    CHECK_EQ(zkc_hook_send(pair.ours, pattern, 4, 0), 4);
    CHECK_EQ(zkc_hook_send(pair.ours, pattern + 4, ROOM, 0), ROOM);
    CHECK_EQ(zkc_transport_unsent(&pair.transport), 0); /* the system has it: no copy was made */
    read_all(pair.theirs, copy, ROOM + 4);
    CHECK_EQ(memcmp(copy, pattern, ROOM + 4), 0);
    close_pair(&pair);
}

static void receiving_reads_ahead(void)
{
    struct pair pair;
    char byte;

    open_pair(&pair);
    CHECK_EQ(zkc_transport_readable(&pair.transport), 0);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 4, 0), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(write(pair.theirs, pattern, 1000), 1000);
    for (int i = 0; i < 1000; i += 10) {
        CHECK_EQ(zkc_transport_readable(&pair.transport), i > 0);
        CHECK_EQ(zkc_hook_recv(pair.ours, copy + i, 10, 0), 10);
        CHECK_EQ(recv(pair.ours, &byte, 1, 0), -1); /* all of it was taken with the first packet */
    }
    CHECK_EQ(memcmp(copy, pattern, 1000), 0);
    CHECK_EQ(zkc_transport_readable(&pair.transport), 0);
    CHECK_EQ(write(pair.theirs, pattern, 3), 3);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 4, 0), 3); /* less than was asked for, as with any socket */
    close(pair.theirs);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 4, 0), 0);
    pair.theirs = -1;
    close_pair(&pair);
}

static void *write_a_megabyte(void *fd)
{
    for (size_t sent = 0; sent < MEGABYTE;)
        sent += (size_t)write(*(int *)fd, pattern + sent, MEGABYTE - sent);
    return NULL;
}

static void a_large_reply_goes_where_it_is_to_be(void)
{
    struct pair pair;
    pthread_t writer;
    size_t got = 0;

    open_pair(&pair);
    pthread_create(&writer, NULL, write_a_megabyte, &pair.theirs);
    while (got < MEGABYTE) {
        struct pollfd waiting = {.fd = pair.ours, .events = POLLIN};
        ssize_t more;

        poll(&waiting, 1, 60000);
        more = zkc_hook_recv(pair.ours, copy + got, MEGABYTE - got, 0);
        CHECK(more > 0);
        got += (size_t)more;
        CHECK(MEGABYTE - got < ROOM || pair.transport.in == NULL); /* no buffer is needed while so much is wanted */
    }
    pthread_join(writer, NULL);
    CHECK_EQ(memcmp(copy, pattern, MEGABYTE), 0);
    close_pair(&pair);
}

static void a_new_connection_sees_nothing_of_the_old_one(void)
{
    struct pair pair;
    int number;

    open_pair(&pair);
    number = pair.ours;
    for (int i = 0; i < 3; i++) {
        char ours = (char)('a' + i), theirs = (char)('A' + i);

        CHECK_EQ(pair.ours, number);
        CHECK_EQ(zkc_transport_readable(&pair.transport), 0);
        CHECK_EQ(zkc_transport_unsent(&pair.transport), 0);
        CHECK_EQ(zkc_hook_send(pair.ours, &ours, 1, 0), 1);
        CHECK_EQ(write(pair.theirs, &theirs, 1), 1);
        CHECK_EQ(write(pair.theirs, pattern, 100), 100);
        CHECK_EQ(zkc_hook_recv(pair.ours, copy, 1, 0), 1);
        CHECK_EQ(copy[0], theirs);
        CHECK_EQ(zkc_transport_readable(&pair.transport), 1);
        CHECK_EQ(zkc_transport_unsent(&pair.transport), 1);
        if (i == 1) { /* it broke, too */
            close(pair.theirs);
            CHECK_EQ(zkc_transport_flush(&pair.transport), -1);
        } else {
            CHECK_EQ(zkc_transport_flush(&pair.transport), 0);
            CHECK_EQ(there(pair.theirs), 1);
            CHECK_EQ(copy[0], ours);
            close(pair.theirs);
        }
        CHECK_EQ(zkc_hook_close(pair.ours), 0);
        bind_pair(&pair);
    }
    close_pair(&pair);
}

static void a_peer_that_is_gone_is_told_to_who_sends_and_who_reads(void)
{
    struct pair pair;
    int limit = 10000;

    open_pair(&pair);
    CHECK_EQ(write(pair.theirs, pattern, 10), 10);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 4, 0), 4);
    CHECK_EQ(zkc_hook_send(pair.ours, pattern, 4, 0), 4);
    close(pair.theirs);
    CHECK_EQ(zkc_transport_flush(&pair.transport), -1);
    CHECK_EQ(zkc_transport_flush(&pair.transport), -1);
    CHECK_EQ(zkc_transport_flush_wait(&pair.transport, &limit), -1);
    CHECK(limit > 0);
    CHECK_EQ(zkc_transport_readable(&pair.transport), 1);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy + 4, 6, 0), 6); /* bytes read ahead are still good */
    CHECK_EQ(memcmp(copy, pattern, 10), 0);
    CHECK_EQ(zkc_transport_readable(&pair.transport), 1);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 4, 0), -1);
    CHECK_EQ(errno, EPIPE);
    CHECK_EQ(zkc_hook_send(pair.ours, pattern, 4, 0), -1);
    CHECK_EQ(errno, EPIPE);
    pair.theirs = -1;
    close_pair(&pair);
    /* The same, found when the buffer is full, and with what is larger than it. */
    for (size_t length = ROOM - 2; length <= 2 * ROOM; length += ROOM + 2) {
        open_pair(&pair);
        CHECK_EQ(zkc_hook_send(pair.ours, pattern, 4, 0), 4);
        close(pair.theirs);
        CHECK_EQ(zkc_hook_send(pair.ours, pattern, length, 0), -1);
        CHECK_EQ(errno, EPIPE);
        pair.theirs = -1;
        close_pair(&pair);
    }
}

static void *use_the_socket(void *argument)
{
    struct pair *pair = argument;
    char byte;

    CHECK_EQ(zkc_transport_is_used(&pair->transport), 0);
    CHECK_EQ(zkc_hook_send(pair->ours, "s", 1, 0), 1);
    CHECK_EQ(there(pair->theirs), 1);
    read_all(pair->theirs, &byte, 1);
    CHECK_EQ(write(pair->theirs, "tu", 2), 2);
    CHECK_EQ(zkc_hook_recv(pair->ours, &byte, 1, 0), 1);
    CHECK_EQ(there(pair->ours), 1);
    read_all(pair->ours, &byte, 1);
    return NULL;
}

static void another_thread_or_socket_goes_straight_to_the_system(void)
{
    struct pair pair, straight;
    pthread_t thread;

    open_pair(&straight);
    open_pair(&pair);
    CHECK_EQ(zkc_transport_is_used(&pair.transport), 1);
    CHECK_EQ(zkc_transport_is_used(&straight.transport), 0);
    pthread_create(&thread, NULL, use_the_socket, &pair);
    pthread_join(thread, NULL);
    use_the_socket(&straight);
    CHECK_EQ(zkc_hook_close(straight.ours), 0); /* of which its transport learns nothing: it is not in use here */
    CHECK_EQ(pair.transport.fd, pair.ours);
    close(straight.theirs);
    CHECK(straight.transport.in == NULL && straight.transport.out == NULL);
    CHECK(pair.transport.in == NULL && pair.transport.out == NULL);
    close_pair(&pair);
}

static void *read_when_told(void *argument)
{
    struct pair *pair = argument;

    WAIT_UNTIL(there(pair->theirs) > 0);
    read_all(pair->theirs, copy, ROOM - 1);
    return NULL;
}

static void waiting_for_room_has_a_limit(void)
{
    struct pair pair;
    pthread_t reader;
    int limit = 50;

    open_pair(&pair);
    make_small(&pair);
    CHECK_EQ(zkc_hook_send(pair.ours, pattern, ROOM - 1, 0), ROOM - 1);
    CHECK_EQ(zkc_transport_flush_wait(&pair.transport, &limit), -1);
    CHECK_EQ(limit, 1); /* never 0, which would mean: without waiting */
    CHECK_EQ(pair.transport.broken, 0);
    limit = 60000;
    pthread_create(&reader, NULL, read_when_told, &pair);
    CHECK_EQ(zkc_transport_flush_wait(&pair.transport, &limit), 0);
    CHECK(limit > 0 && limit <= 60000);
    pthread_join(reader, NULL);
    CHECK_EQ(memcmp(copy, pattern, ROOM - 1), 0);
    close_pair(&pair);
}

static void a_descriptor_beyond_select_is_like_another(void)
{
    struct rlimit limit;
    struct pair pair;
    int high;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2000)
        return;
    limit.rlim_cur = 2000;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    open_pair(&pair);
    high = fcntl(pair.ours, F_DUPFD, 1500);
    close(pair.ours);
    pair.ours = high;
    zkc_transport_bind(&pair.transport, high);
    make_small(&pair);
    send_through(&pair, pattern, 200000, 1000);
    close_pair(&pair);
}

#define RUN(test)                         \
    do {                                  \
        fprintf(stderr, "  %s\n", #test); \
        test();                           \
    } while (0)

static void packet(char *into, uint32_t length)
{
    uint32_t ordered = htonl(length);

    memcpy(into, &ordered, sizeof ordered);
}

static void filling_takes_what_is_there_and_does_not_wait(void)
{
    struct pair pair;
    char head[4];

    open_pair(&pair);
    CHECK_EQ(zkc_transport_fill(&pair.transport, 100), 0);
    packet(head, 50);
    CHECK_EQ(send(pair.theirs, head, 2, 0), 2);
    CHECK_EQ(zkc_transport_fill(&pair.transport, 100), 1);
    CHECK(!zkc_transport_has_packet(&pair.transport)); /* a part of its length */
    CHECK_EQ(zkc_transport_fill(&pair.transport, 100), 1);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 4, 0), 2);
    CHECK_EQ(send(pair.theirs, head, 4, 0), 4);
    CHECK_EQ(send(pair.theirs, pattern, 49, 0), 49);
    CHECK_EQ(zkc_transport_fill(&pair.transport, 100), 1);
    CHECK(!zkc_transport_has_packet(&pair.transport)); /* a byte is missing */
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 100, 0), 53);
    CHECK_EQ(send(pair.theirs, head, 4, 0), 4);
    CHECK_EQ(send(pair.theirs, pattern, 60, 0), 60);
    CHECK_EQ(zkc_transport_fill(&pair.transport, 54), 1); /* no more than was asked for */
    CHECK(zkc_transport_has_packet(&pair.transport));
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 100, 0), 54);
    CHECK_EQ(memcmp(copy + 4, pattern, 50), 0);
    CHECK(!zkc_transport_has_packet(&pair.transport));
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 100, 0), 10);
    packet(head, UINT32_MAX);
    CHECK_EQ(send(pair.theirs, head, 4, 0), 4);
    CHECK_EQ(zkc_transport_fill(&pair.transport, 100), 1);
    CHECK(!zkc_transport_has_packet(&pair.transport));
    close_pair(&pair);
}

static void filling_leaves_the_end_to_who_reads(void)
{
    struct pair pair;
    int fds[2];

    open_pair(&pair);
    CHECK_EQ(shutdown(pair.theirs, SHUT_WR), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(zkc_transport_fill(&pair.transport, 100), -1);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 100, 0), 0);
    close_pair(&pair);

    open_pair(&pair); /* an error that the system reports once */
    CHECK_EQ(send(pair.ours, pattern, 10, 0), 10);
    close(pair.theirs); /* with something unread: the other end is reset */
    CHECK_EQ(zkc_transport_fill(&pair.transport, 100), -1);
    CHECK_EQ(zkc_hook_recv(pair.ours, copy, 100, 0), -1);
    CHECK_EQ(errno, ECONNRESET);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    pair.theirs = fds[0];
    close(fds[1]);
    close_pair(&pair);

    zkc_transport_init(&pair.transport); /* without a connection */
    CHECK_EQ(zkc_transport_fill(&pair.transport, 100), -1);
    zkc_transport_free(&pair.transport);
}

int main(void)
{
    uint64_t state = 7;

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)next_random(&state);
    RUN(send_gathers_until_it_is_flushed);
    RUN(a_socket_with_little_room_gets_everything_in_order);
    RUN(what_is_large_comes_behind_what_is_gathered);
    RUN(receiving_reads_ahead);
    RUN(filling_takes_what_is_there_and_does_not_wait);
    RUN(filling_leaves_the_end_to_who_reads);
    RUN(a_large_reply_goes_where_it_is_to_be);
    RUN(a_new_connection_sees_nothing_of_the_old_one);
    RUN(a_peer_that_is_gone_is_told_to_who_sends_and_who_reads);
    RUN(another_thread_or_socket_goes_straight_to_the_system);
    RUN(waiting_for_room_has_a_limit);
    RUN(a_descriptor_beyond_select_is_like_another);
    return 0;
}
