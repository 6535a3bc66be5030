/* A raw socket with just enough of the protocol: the cost of a call without a library.
 *
 * usage: floor HOST:PORT */
#include "harness.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CREATE = 1, DELETE, EXISTS, GET_DATA, SET_DATA, CLOSE_SESSION = -11, LARGEST = 4 << 20, HEADER = 16, STAT = 68 };

typedef struct {
    char bytes[1 << 18];
    size_t size;
} outgoing;

static struct sockaddr_in server = {.sin_family = AF_INET};
static int fd;
static outgoing out;
static char in[LARGEST];
static size_t have, taken;

/* ---- packets ----------------------------------------------------------------------------------------------------- */

static void put_int(int32_t value)
{
    uint32_t wire = htonl((uint32_t)value);

    memcpy(out.bytes + out.size, &wire, 4);
    out.size += 4;
}

static void put_bytes(const char *bytes, size_t size)
{
    put_int((int32_t)size);
    memcpy(out.bytes + out.size, bytes, size);
    out.size += size;
}

static int32_t int_at(const char *at)
{
    uint32_t wire;

    memcpy(&wire, at, 4);
    return (int32_t)ntohl(wire);
}

static size_t begin(int xid, int type)
{
    put_int(0);
    put_int(xid);
    put_int(type);
    return out.size - 12;
}

static void end(size_t start)
{
    uint32_t wire = htonl((uint32_t)(out.size - start - 4));

    memcpy(out.bytes + start, &wire, 4);
}

static void put_get(int type, const char *path, int xid)
{
    size_t start = begin(xid, type);

    put_bytes(path, strlen(path));
    out.bytes[out.size++] = 0; /* no watch */
    end(start);
}

static void send_all(void)
{
    for (size_t sent = 0; sent < out.size;) {
        ssize_t count = send(fd, out.bytes + sent, out.size - sent, 0);

        expect(count > 0, "send");
        sent += (size_t)count;
    }
    out.size = 0;
}

/* Return the next packet, without its length; it is valid until the next call. */
static const char *next_packet(size_t *size)
{
    for (;;) {
        if (have - taken >= 4) {
            *size = (size_t)int_at(in + taken);
            if (have - taken >= 4 + *size) {
                const char *found = in + taken + 4;

                taken += 4 + *size;
                return found;
            }
        }
        if (taken == have || taken > LARGEST / 2) {
            memmove(in, in + taken, have - taken);
            have -= taken;
            taken = 0;
        }
        ssize_t count = recv(fd, in + have, sizeof in - have, 0);
        expect(count > 0, "recv");
        have += (size_t)count;
    }
}

static const char *reply(int xid)
{
    size_t size;
    const char *packet = next_packet(&size);

    expect(size >= HEADER && int_at(packet) == xid && int_at(packet + 12) == 0, "a reply");
    return packet + HEADER;
}

static int version_in(const char *stat)
{
    return int_at(stat + 32);
}

static void open_session(void)
{
    static const char nothing[16];
    int yes = 1;
    size_t size;

    fd = socket(AF_INET, SOCK_STREAM, 0);
    expect(connect(fd, (struct sockaddr *)&server, sizeof server) == 0, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    have = taken = out.size = 0;
    put_int(44);
    for (int word = 0; word < 6; word++) /* protocol, last zxid, timeout, session */
        put_int(word == 3 ? 30000 : 0);
    put_bytes(nothing, sizeof nothing);
    send_all();
    next_packet(&size);
    expect(size >= 36, "the handshake");
}

static void close_session(void)
{
    end(begin(1, CLOSE_SESSION));
    send_all();
    reply(1);
    close(fd);
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static void expect_data(const char *body, int size, int number)
{
    expect(int_at(body) == size && memcmp(body + 4, data_of(size, number), (size_t)size) == 0 &&
               version_in(body + 4 + size) == 0 && int_at(body + 4 + size + 52) == size,
           "get");
}

static void get(long count, int size)
{
    for (long i = 0; i < count; i++) {
        double begun = now();
        const char *body;

        put_get(GET_DATA, path_of(size, -1), (int)i);
        send_all();
        body = reply((int)i);
        time_one(now() - begun);
        expect_data(body, size, -1);
    }
}

static void set(long count, int size)
{
    int version;

    put_get(EXISTS, "/set", 0);
    send_all();
    version = version_in(reply(0));
    for (long i = 0; i < count; i++) {
        double begun = now();
        size_t start = begin((int)i, SET_DATA);
        const char *body;

        put_bytes("/set", 4);
        put_bytes(data_of(size, -1), (size_t)size);
        put_int(-1);
        end(start);
        send_all();
        body = reply((int)i);
        time_one(now() - begun);
        expect(version_in(body) == ++version, "set");
    }
}

static void create(long count, int size)
{
    for (long i = 0; i < count; i++) {
        double begun = now();
        size_t start = begin((int)i, CREATE);
        const char *body;

        put_bytes("/made", 5);
        put_bytes(data_of(size, -1), (size_t)size);
        put_int(1);
        put_int(31);
        put_bytes("world", 5);
        put_bytes("anyone", 6);
        put_int(0);
        end(start);
        send_all();
        body = reply((int)i);
        expect(int_at(body) == 5 && memcmp(body + 4, "/made", 5) == 0, "create");
        start = begin((int)i, DELETE);
        put_bytes("/made", 5);
        put_int(-1);
        end(start);
        send_all();
        reply((int)i);
        time_one(now() - begun);
    }
}

/* Read all replies before sending: so as many requests are sent at once as replies arrived at once. */
static void pipeline(long count, int size)
{
    long sent = 0;

    for (long got = 0; got < count;) {
        while (sent < count && sent - got < WINDOW) {
            put_get(GET_DATA, path_of(size, (int)(sent % PATHS)), (int)sent);
            sent++;
        }
        send_all();
        do {
            expect_data(reply((int)got), size, (int)(got % PATHS));
            got++;
        } while (got < count && have - taken >= 4 && have - taken >= 4 + (size_t)int_at(in + taken));
    }
}

static void connect_and_close(long count, int size)
{
    (void)size;
    close_session();
    start_timing();
    for (long i = 0; i < count; i++) {
        double begun = now();

        open_session();
        close_session();
        time_one(now() - begun);
    }
    stop_timing();
    open_session();
}

int main(int count, char **arguments)
{
    static const operation operations[] = {
        {"get", get}, {"set", set}, {"create", create}, {"pipelined", pipeline}, {"connect", connect_and_close},
        {NULL, NULL},
    };
    char address[64];
    int port;

    if (count < 2 || sscanf(arguments[1], "%63[^:]:%d", address, &port) != 2 ||
        inet_pton(AF_INET, address, &server.sin_addr) != 1)
        fail("usage: floor HOST:PORT, in numbers");
    server.sin_port = htons((uint16_t)port);
    open_session();
    serve(operations);
    close_session();
    return 0;
}
