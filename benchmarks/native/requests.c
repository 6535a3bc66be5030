/* The canned server's answers. The callers hold the lock. */
#include "server.h"
#include <stdlib.h>
#include <string.h>

enum { CREATE = 1, DELETE, EXISTS, GET_DATA, SET_DATA, GET_CHILDREN = 8, SYNC, PING = 11, GET_CHILDREN2, CREATE2 = 15 };
enum { REMOVE_WATCHES = 18, AUTH = 100, SET_WATCHES, SET_WATCHES2 = 105, CLOSE_SESSION = -11 };
enum { CREATED = 1, DELETED, CHANGED };
enum { OK = 0, UNIMPLEMENTED = -6, BAD_ARGUMENTS = -8, NO_NODE = -101, BAD_VERSION = -103, NODE_EXISTS = -110 };
enum { HEADER = 16 };

store nodes;
static int64_t sessions = 0x100000000;

typedef struct {
    node *of;
    int event;
} change;

static void notify(void *watcher, node *of, int event, void *context)
{
    notified **list = context, *one;
    client *recipient = watcher;
    size_t start = begin_packet(&recipient->out);

    put_reply(&recipient->out, -1, -1, OK);
    put_int(&recipient->out, event);
    put_int(&recipient->out, 3); /* connected */
    put_text(&recipient->out, of->path, of->path_size);
    end_packet(&recipient->out, start);
    for (one = *list; one != NULL; one = one->next)
        if (one->recipient == recipient)
            return;
    one = allocate(NULL, sizeof *one);
    *one = (notified){recipient, *list};
    recipient->references++;
    *list = one;
}

static void watch_for(client *by, node *what, text path)
{
    by->watches = 1;
    store_watch(what != NULL ? what : store_add(&nodes, path), by);
}

static int get(client *by, int type, reader *from)
{
    text path = take_text(from);
    int watch = take_byte(from);
    node *found = store_find(&nodes, path);

    if (type == EXISTS && watch && !from->failed && (found == NULL || !found->exists))
        watch_for(by, found, path);
    if (found == NULL || !found->exists)
        return NO_NODE;
    if (watch)
        watch_for(by, found, path);
    if (type == GET_DATA)
        put_text(&by->out, found->data, found->data_size);
    if (type == GET_CHILDREN || type == GET_CHILDREN2)
        store_put_children(&nodes, found, &by->out);
    if (type != GET_CHILDREN)
        put_stat(&by->out, found);
    return OK;
}

static int set(client *by, reader *from, change *about)
{
    text path = take_text(from), data = take_text(from);
    int version = take_int(from);
    node *found = store_find(&nodes, path);

    if (from->failed || found == NULL || !found->exists)
        return from->failed ? BAD_ARGUMENTS : NO_NODE;
    if (version != -1 && version != found->version)
        return BAD_VERSION;
    store_set(&nodes, found, data);
    *about = (change){found, CHANGED};
    put_stat(&by->out, found);
    return OK;
}

static int create(client *by, int type, reader *from, change *about)
{
    text path = take_text(from), data = take_text(from);
    node *found;

    for (int entries = take_int(from); entries > 0 && !from->failed; entries--) {
        take_int(from);
        take_text(from);
        take_text(from);
    }
    if (take_int(from) != 0 || from->failed) /* flags: neither ephemeral nor sequential */
        return from->failed ? BAD_ARGUMENTS : UNIMPLEMENTED;
    found = store_find(&nodes, path);
    if (found != NULL && found->exists)
        return NODE_EXISTS;
    if (found == NULL)
        found = store_add(&nodes, path);
    store_begin(&nodes, found, data);
    *about = (change){found, CREATED};
    put_text(&by->out, found->path, found->path_size);
    if (type == CREATE2)
        put_stat(&by->out, found);
    return OK;
}

static int delete(reader *from, change *about)
{
    text path = take_text(from);
    int version = take_int(from);
    node *found = store_find(&nodes, path);

    if (from->failed || found == NULL || !found->exists)
        return from->failed ? BAD_ARGUMENTS : NO_NODE;
    if (version != -1 && version != found->version)
        return BAD_VERSION;
    store_end(&nodes, found);
    *about = (change){found, DELETED};
    return OK;
}

static void set_watches(client *by, reader *from)
{
    take_long(from);
    for (int kind = 0; kind < 3 && !from->failed; kind++)
        for (int count = take_int(from); count > 0 && !from->failed; count--) {
            text path = take_text(from);
            node *found = store_find(&nodes, path);

            if (!from->failed)
                watch_for(by, found, path);
        }
}

/* Send the event to all watchers. For the client that made the change, it goes before the reply, the last in `out`. */
static void notify_all(client *by, size_t reply, change about, notified **list)
{
    size_t size = by->out.size - reply;
    char *aside = allocate(NULL, size);

    memcpy(aside, by->out.bytes + reply, size);
    by->out.size = reply;
    store_notify(about.of, about.event, notify, list);
    reserve(&by->out, size);
    memcpy(by->out.bytes + by->out.size, aside, size);
    by->out.size += size;
    free(aside);
}

void answer(client *by, reader *from, notified **list)
{
    int xid = take_int(from), type = take_int(from), rc = OK;
    size_t start = begin_packet(&by->out), header = by->out.size;
    change about = {NULL, 0};

    put_reply(&by->out, xid, 0, OK);
    if (type == EXISTS || type == GET_DATA || type == GET_CHILDREN || type == GET_CHILDREN2)
        rc = get(by, type, from);
    else if (type == SET_DATA)
        rc = set(by, from, &about);
    else if (type == CREATE || type == CREATE2)
        rc = create(by, type, from, &about);
    else if (type == DELETE)
        rc = delete(from, &about);
    else if (type == SYNC) {
        text path = take_text(from);
        put_text(&by->out, path.bytes, path.size);
    } else if (type == SET_WATCHES || type == SET_WATCHES2)
        set_watches(by, from);
    else if (type == CLOSE_SESSION)
        by->over = 1;
    else if (type != PING && type != AUTH && type != REMOVE_WATCHES)
        rc = UNIMPLEMENTED;
    if (from->failed)
        rc = BAD_ARGUMENTS;
    if (rc != OK)
        by->out.size = header + HEADER; /* an error has no body */
    write_reply(&by->out, header, xid, nodes.zxid, rc);
    end_packet(&by->out, start);
    if (about.of != NULL && about.of->watching > 0)
        notify_all(by, start, about, list);
}

void handshake(client *with, reader *from)
{
    size_t start = begin_packet(&with->out);
    int timeout;
    int64_t session;

    take_int(from);
    take_long(from);
    timeout = take_int(from);
    session = take_long(from);
    take_text(from);
    put_int(&with->out, 0);
    put_int(&with->out, timeout);
    put_long(&with->out, session != 0 ? session : ++sessions);
    put_text(&with->out, "0123456789abcdef", 16);
    if (from->at < from->end) /* a client that supports read-only servers */
        put_byte(&with->out, 0);
    end_packet(&with->out, start);
    with->connected = 1;
}
