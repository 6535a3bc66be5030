/* A ZooKeeper server that replies from memory at once, so that the benchmarks measure the client.
 *
 * It speaks ZooKeeper's protocol to any number of clients, with a thread for each. It answers all packets that have
 * arrived with one send. It writes no files, has no ACLs, and is a single server. A session ends with its
 * connection, and its ephemeral znodes with it: nothing waits for a session timeout. `server`
 * prints its port on 127.0.0.1 and serves until its standard input ends.
 *
 * Special paths: /data-N, and paths that begin so (/data-100.0007), exist from the start, with N bytes: the path, then
 * 'x'. A get of /hole, and all that the client sends after it, is held. The server answers it when another connection
 * sends "free" in place of a handshake.
 *
 * One lock guards all shared state, the clients' unsent replies too. It is never held while sending. */
#include "server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST_PACKET = 64 << 20, POLL_MS = 5, MOST_POLLS = 2000 };
enum { FREE = 0x66726565, SRVR = 0x73727672 }; /* words in place of a packet's length */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int releases, holding;
static const char version[] = "Zookeeper version: 3.9.3-canned, built on 2024-10-17 23:21 UTC\nMode: standalone\n";

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* Send all unsent bytes of a client. Call without the lock. */
static void flush(client *to)
{
    pthread_mutex_lock(&to->sending);
    for (;;) {
        buffer ready;

        pthread_mutex_lock(&lock);
        ready = to->out;
        to->out = to->spare;
        pthread_mutex_unlock(&lock);
        to->spare = ready;
        for (size_t sent = 0; sent < ready.size;) {
            ssize_t now = send(to->fd, ready.bytes + sent, ready.size - sent, MSG_NOSIGNAL);

            if (now <= 0) /* the connection is gone: its thread will notice */
                break;
            sent += (size_t)now;
        }
        to->spare.size = 0;
        if (ready.size == 0)
            break;
    }
    pthread_mutex_unlock(&to->sending);
}

static void release_client(client *gone)
{
    int left;

    pthread_mutex_lock(&lock);
    left = --gone->references;
    pthread_mutex_unlock(&lock);
    if (left > 0)
        return;
    close(gone->fd);
    free(gone->in.bytes);
    free(gone->out.bytes);
    free(gone->spare.bytes);
    pthread_mutex_destroy(&gone->sending);
    free(gone);
}

static void flush_notified(notified *list, client *but)
{
    while (list != NULL) {
        notified *next = list->next;

        if (list->recipient != but) /* the client that made the change gets the event with its reply */
            flush(list->recipient);
        release_client(list->recipient);
        free(list);
        list = next;
    }
}

/* ---- a client's thread ------------------------------------------------------------------------------------------- */

static int asks_for_hole(const char *packet, size_t size)
{
    return size >= 17 && read_int(packet + 4) == GET_DATA && read_int(packet + 8) >= 5 &&
           memcmp(packet + 12, "/hole", 5) == 0;
}

/* Answer every complete packet that is not held. Return the clients that got an event. */
static notified *answer_all(client *of)
{
    notified *list = NULL;

    pthread_mutex_lock(&lock);
    while (!of->over && of->in.size - of->taken >= 4) {
        const char *packet = of->in.bytes + of->taken;
        size_t size = (size_t)read_int(packet);
        reader from = {packet + 4, packet + 4 + size, 0};

        of->over = size > LARGEST_PACKET;
        of->frees = !of->connected && size == FREE;
        if (!of->connected && size == SRVR) { /* some clients ask for the version */
            reserve(&of->out, sizeof version);
            memcpy(of->out.bytes, version, of->out.size = sizeof version - 1);
        }
        if (of->over || of->in.size - of->taken < 4 + size)
            break;
        if (of->connected && asks_for_hole(packet + 4, size)) {
            if (!of->held) {
                of->held = atomic_load(&releases) + 1;
                atomic_fetch_add(&holding, 1);
            }
            if (atomic_load(&releases) < of->held)
                break;
            of->held = 0;
            atomic_fetch_sub(&holding, 1);
        }
        of->taken += 4 + size;
        of->connected ? answer(of, &from, &list) : handshake(of, &from);
    }
    pthread_mutex_unlock(&lock);
    return list;
}

static int receive(client *of)
{
    ssize_t now;

    if (of->taken == of->in.size)
        of->in.size = of->taken = 0;
    reserve(&of->in, 256 << 10);
    if (of->held) { /* another thread releases it, without waking this one */
        struct pollfd ready = {of->fd, POLLIN, 0};

        if (poll(&ready, 1, POLL_MS) == 0)
            return 1;
    }
    now = recv(of->fd, of->in.bytes + of->in.size, of->in.room - of->in.size, 0);
    if (now > 0)
        of->in.size += (size_t)now;
    return now > 0;
}

/* Release the held clients. Wait for the first of them: its get of /hole may not have arrived yet. */
static void release_held(void)
{
    for (int look = 0; atomic_load(&holding) == 0 && look < MOST_POLLS; look++)
        usleep(POLL_MS * 1000);
    atomic_fetch_add(&releases, 1);
}

static void *serve(void *argument)
{
    client *of = argument;
    notified *ended = NULL;

    while (!of->over && receive(of)) {
        notified *list = answer_all(of);

        flush(of);
        flush_notified(list, of);
        if (of->frees)
            release_held();
        if (of->taken > (1 << 20)) {
            memmove(of->in.bytes, of->in.bytes + of->taken, of->in.size - of->taken);
            of->in.size -= of->taken;
            of->taken = 0;
        }
    }
    shutdown(of->fd, SHUT_RDWR);
    if (of->held)
        atomic_fetch_sub(&holding, 1);
    pthread_mutex_lock(&lock);
    end_session(of, &ended);
    pthread_mutex_unlock(&lock);
    flush_notified(ended, of);
    release_client(of);
    return NULL;
}

static void *welcome(void *argument)
{
    int listener = *(int *)argument, yes = 1, fd;

    while ((fd = accept(listener, NULL, NULL)) >= 0 || errno == ECONNABORTED || errno == EINTR) {
        client *one = allocate(NULL, sizeof *one);
        pthread_t thread;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        *one = (client){.fd = fd, .references = 1};
        pthread_mutex_init(&one->sending, NULL);
        if (pthread_create(&thread, NULL, serve, one) == 0)
            pthread_detach(thread);
        else
            release_client(one);
    }
    perror("server: accept");
    exit(1);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;

    store_begin(&nodes, store_add(&nodes, (text){"/", 1}), (text){"", 0}, 0);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&thread, NULL, welcome, &listener) != 0) {
        perror("server");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
