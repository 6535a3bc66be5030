/* The canned server's answers. The callers hold the lock. */
#include "server.h"
#include <stdlib.h>
#include <string.h>

enum { HEADER = 16 };

store nodes;
static int64_t sessions = 0x100000000;

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

static void watch_for(client *by, node *what, text path, int children)
{
    by->watches = 1;
    what = what != NULL ? what : store_add(&nodes, path);
    watchers_add(children ? &what->child_watchers : &what->data_watchers, by);
}

static int get(client *by, int type, reader *from)
{
    text path = take_text(from);
    int watch = take_byte(from), children = type == GET_CHILDREN || type == GET_CHILDREN2;
    node *found = store_find(&nodes, path);

    if (type == EXISTS && watch && !from->failed && (found == NULL || !found->exists))
        watch_for(by, found, path, 0);
    if (found == NULL || !found->exists)
        return NO_NODE;
    if (watch)
        watch_for(by, found, path, children);
    if (type == GET_DATA)
        put_text(&by->out, found->data, found->data_size);
    if (children)
        store_put_children(found, &by->out);
    if (type != GET_CHILDREN)
        put_stat(&by->out, found);
    return OK;
}

/* Many reads by one request: each has its own result or error. */
static int read_all(client *by, reader *from)
{
    int type, rc;

    while ((type = next_type(from)) != 0) {
        size_t start = by->out.size;

        if (type != GET_DATA && type != GET_CHILDREN)
            return BAD_ARGUMENTS;
        put_multi_header(&by->out, type, 0, OK);
        rc = get(by, type, from);
        if (rc != OK) {
            by->out.size = start;
            put_multi_header(&by->out, ERROR, 0, rc);
            put_int(&by->out, rc);
        }
    }
    put_multi_header(&by->out, ERROR, 1, ERROR);
    return OK;
}

static void remove_watches(client *by, reader *from)
{
    text path = take_text(from);
    int type = take_int(from); /* 1: of the children, 2: of the data, 3: any */
    node *found = store_find(&nodes, path);

    if (found == NULL)
        return;
    if (type != 2)
        watchers_remove(&found->child_watchers, by);
    if (type != 1)
        watchers_remove(&found->data_watchers, by);
    store_tidy(&nodes, found);
}

static void set_watches(client *by, reader *from)
{
    take_long(from);
    for (int kind = 0; kind < 3 && !from->failed; kind++)
        for (int count = take_int(from); count > 0 && !from->failed; count--) {
            text path = take_text(from);
            node *found = store_find(&nodes, path);

            if (!from->failed)
                watch_for(by, found, path, kind == 2);
        }
}

/* Send the events of changes to all watchers, and free what is gone. */
static void notify_all(changes *done, notified **list)
{
    for (size_t i = 0; i < done->count; i++) {
        node *of = done->all[i].of;
        int event = done->all[i].event;

        watchers_notify(&of->data_watchers, of, event, notify, list);
        if (event == DELETED)
            watchers_notify(&of->child_watchers, of, event, notify, list);
        if (event != CHANGED && of->parent != NULL)
            watchers_notify(&of->parent->child_watchers, of->parent, CHILD, notify, list);
    }
    for (size_t i = done->count; i-- > 0;) {
        int seen = 0; /* a transaction may have changed it twice */

        for (size_t j = 0; j < i; j++)
            seen |= done->all[j].of == done->all[i].of;
        if (!seen)
            store_tidy(&nodes, done->all[i].of);
    }
}

/* The same for a request. For the client that made the changes, the events go before its reply, the last in `out`. */
static void notify_before(client *by, size_t reply, changes *done, notified **list)
{
    size_t size = by->out.size - reply;
    char *aside = allocate(NULL, size);

    memcpy(aside, by->out.bytes + reply, size);
    by->out.size = reply;
    notify_all(done, list);
    reserve(&by->out, size);
    memcpy(by->out.bytes + by->out.size, aside, size);
    by->out.size += size;
    free(aside);
}

static void free_changes(changes *done)
{
    for (size_t i = 0; i < done->count; i++)
        free(done->all[i].old_data);
    free(done->all);
}

void answer(client *by, reader *from, notified **list)
{
    int xid = take_int(from), type = take_int(from), rc = OK;
    size_t start = begin_packet(&by->out), header = by->out.size;
    changes done = {NULL, 0, 0};

    put_reply(&by->out, xid, 0, OK);
    switch (type) {
    case EXISTS:
    case GET_DATA:
    case GET_CHILDREN:
    case GET_CHILDREN2: rc = get(by, type, from); break;
    case MULTI_READ: rc = read_all(by, from); break;
    case MULTI: rc = apply_all(by, from, &done); break;
    case SYNC: {
        text path = take_text(from);
        put_text(&by->out, path.bytes, path.size);
        break;
    }
    case REMOVE_WATCHES: remove_watches(by, from); break;
    case SET_WATCHES:
    case SET_WATCHES2: set_watches(by, from); break;
    case CLOSE_SESSION: by->over = 1; break;
    case PING:
    case AUTH: break;
    default: rc = apply(by, type, from, &done);
    }
    if (from->failed)
        rc = BAD_ARGUMENTS;
    if (rc != OK)
        by->out.size = header + HEADER; /* an error has no body */
    write_reply(&by->out, header, xid, nodes.zxid, rc);
    end_packet(&by->out, start);
    if (done.count > 0)
        notify_before(by, start, &done, list);
    free_changes(&done);
}

void end_session(client *of, notified **list)
{
    changes done = {NULL, 0, 0};

    if (of->watches)
        store_forget(&nodes, of);
    for (int slot = 0; slot < SLOTS; slot++)
        for (node *it = nodes.slots[slot]; it != NULL; it = it->next)
            if (it->exists && it->owner != 0 && it->owner == of->session) {
                store_end(&nodes, it);
                note_change(&done, (change){.of = it, .event = DELETED});
            }
    notify_all(&done, list);
    free_changes(&done);
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
    with->session = session != 0 ? session : ++sessions;
    put_long(&with->out, with->session);
    put_text(&with->out, "0123456789abcdef", 16);
    if (from->at < from->end) /* a client that supports read-only servers */
        put_byte(&with->out, 0);
    end_packet(&with->out, start);
    with->connected = 1;
}
