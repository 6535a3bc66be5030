/* A ZooKeeper server that answers from memory at once, so that what is measured is the client.
 *
 * It speaks ZooKeeper's protocol to as many clients as come, a thread for each: what has arrived is answered with one
 * send. It stores nothing, knows neither ACLs nor ephemeral znodes, and is one server alone. `server` prints its port
 * on 127.0.0.1 and serves until its standard input ends.
 *
 * Paths that mean something: /data-N (and whatever begins so: /data-100.0007) is there from the start, with N bytes:
 * its own path, and 'x' after it. A get of /hole is answered, and with it all that the client sends afterwards, only
 * when somebody connects and says "free" in place of a handshake.
 *
 * One lock guards everything that is shared, the clients' unsent replies too; it is never held while sending. */
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

enum { GET_DATA = 4, LARGEST_PACKET = 64 << 20, LOOK_AGAIN_MS = 5, MOST_LOOKS = 2000 };
enum { FREE = 0x66726565, SRVR = 0x73727672 }; /* words in place of a packet's length */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int releases, holding;
static const char version[] = "Zookeeper version: 3.9.3-canned, built on 2024-10-17 23:21 UTC\nMode: standalone\n";

/* ---- what goes out ----------------------------------------------------------------------------------------------- */

/* Send all that there is for a client. Without the lock. */
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

            if (now <= 0) /* it is gone: its own thread will notice */
                break;
            sent += (size_t)now;
        }
        to->spare.size = 0;
        if (ready.size == 0)
            break;
    }
    pthread_mutex_unlock(&to->sending);
}

static void give_up(client *gone)
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

static void flush_told(told *list, client *but)
{
    while (list != NULL) {
        told *next = list->next;

        if (list->who != but) /* who asked gets the event with its reply */
            flush(list->who);
        give_up(list->who);
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

/* Answer every packet that is there whole, unless it is held. Return who else was told something. */
static told *answer_all(client *of)
{
    told *list = NULL;

    pthread_mutex_lock(&lock);
    while (!of->over && of->in.size - of->taken >= 4) {
        const char *packet = of->in.bytes + of->taken;
        size_t size = (size_t)read_int(packet);
        reader from = {packet + 4, packet + 4 + size, 0};

        of->over = size > LARGEST_PACKET;
        of->frees = !of->shaken && size == FREE;
        if (!of->shaken && size == SRVR) { /* some clients want to know whom they talk to */
            reserve(&of->out, sizeof version);
            memcpy(of->out.bytes, version, of->out.size = sizeof version - 1);
        }
        if (of->over || of->in.size - of->taken < 4 + size)
            break;
        if (of->shaken && asks_for_hole(packet + 4, size)) {
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
        of->shaken ? answer(of, &from, &list) : shake_hands(of, &from);
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
    if (of->held) { /* someone else's word ends it, and does not wake us */
        struct pollfd ready = {of->fd, POLLIN, 0};

        if (poll(&ready, 1, LOOK_AGAIN_MS) == 0)
            return 1;
    }
    now = recv(of->fd, of->in.bytes + of->in.size, of->in.room - of->in.size, 0);
    if (now > 0)
        of->in.size += (size_t)now;
    return now > 0;
}

/* Release who is held, or will be in a moment: the get of /hole may be on its way yet. */
static void let_go(void)
{
    for (int look = 0; atomic_load(&holding) == 0 && look < MOST_LOOKS; look++)
        usleep(LOOK_AGAIN_MS * 1000);
    atomic_fetch_add(&releases, 1);
}

static void *serve(void *argument)
{
    client *of = argument;

    while (!of->over && receive(of)) {
        told *list = answer_all(of);

        flush(of);
        flush_told(list, of);
        if (of->frees)
            let_go();
        if (of->taken > (1 << 20)) {
            memmove(of->in.bytes, of->in.bytes + of->taken, of->in.size - of->taken);
            of->in.size -= of->taken;
            of->taken = 0;
        }
    }
    shutdown(of->fd, SHUT_RDWR);
    if (of->held)
        atomic_fetch_sub(&holding, 1);
    if (of->watches) {
        pthread_mutex_lock(&lock);
        store_forget(&nodes, of);
        pthread_mutex_unlock(&lock);
    }
    give_up(of);
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
            give_up(one);
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

    store_begin(&nodes, store_add(&nodes, (text){"/", 1}), (text){"", 0});
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
