/* The canned server's changes: alone, and as the transactions that are carried out whole or not at all. */
#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPHEMERAL = 1, EPHEMERAL_SEQUENTIAL = 3, MODES = 7, COUNTER = 12 };

void note_change(changes *in, change one)
{
    if (in->count == in->room) {
        in->room = in->room * 2 + 1;
        in->all = allocate(in->all, in->room * sizeof *in->all);
    }
    in->all[in->count++] = one;
}

static int find(reader *from, text path, int version, node **found)
{
    *found = store_find(&nodes, path);
    if (from->failed || *found == NULL || !(*found)->exists)
        return from->failed ? BAD_ARGUMENTS : NO_NODE;
    return version != -1 && version != (*found)->version ? BAD_VERSION : OK;
}

static int set(client *by, reader *from, changes *done)
{
    text path = take_text(from), data = take_text(from);
    node *found;
    int rc = find(from, path, take_int(from), &found);
    change about;

    if (rc != OK)
        return rc;
    about = (change){found, CHANGED, allocate(NULL, found->data_size + 1), found->data_size, found->modified};
    memcpy(about.old_data, found->data, found->data_size);
    store_set(&nodes, found, data);
    note_change(done, about);
    put_stat(&by->out, found);
    return OK;
}

static int create(client *by, int type, reader *from, changes *done)
{
    text path = take_text(from), data = take_text(from);
    node *found, *parent;
    char *numbered = NULL;
    int mode;

    for (int entries = take_int(from); entries > 0 && !from->failed; entries--) {
        take_int(from);
        take_text(from);
        take_text(from);
    }
    mode = take_int(from); /* containers and lifetimes are those of plain znodes: nothing is reaped */
    if (type == CREATE_TTL)
        take_long(from);
    if (from->failed || mode < 0 || mode >= MODES)
        return BAD_ARGUMENTS;
    parent = store_parent(&nodes, path);
    if (parent == NULL)
        return NO_NODE;
    if (mode == 2 || mode == EPHEMERAL_SEQUENTIAL || mode == 6) {
        numbered = allocate(NULL, path.size + COUNTER);
        memcpy(numbered, path.bytes, path.size);
        snprintf(numbered + path.size, COUNTER, "%010d", parent->created_children);
        path = (text){numbered, path.size + 10};
    }
    found = store_find(&nodes, path);
    if (found != NULL && found->exists) {
        free(numbered);
        return NODE_EXISTS;
    }
    if (found == NULL)
        found = store_add(&nodes, path);
    free(numbered);
    store_begin(&nodes, found, data, mode == EPHEMERAL || mode == EPHEMERAL_SEQUENTIAL ? by->session : 0);
    note_change(done, (change){.of = found, .event = CREATED});
    put_text(&by->out, found->path, found->path_size);
    if (type != CREATE)
        put_stat(&by->out, found);
    return OK;
}

static int delete(reader *from, changes *done)
{
    text path = take_text(from);
    node *found;
    int rc = find(from, path, take_int(from), &found);

    if (rc == OK && found->children > 0)
        rc = NOT_EMPTY;
    if (rc != OK)
        return rc;
    store_end(&nodes, found);
    note_change(done, (change){.of = found, .event = DELETED});
    return OK;
}

static int check(reader *from)
{
    text path = take_text(from);
    node *found;

    return find(from, path, take_int(from), &found);
}

int apply(client *by, int type, reader *from, changes *done)
{
    switch (type) {
    case CREATE:
    case CREATE2:
    case CREATE_CONTAINER:
    case CREATE_TTL: return create(by, type, from, done);
    case DELETE: return delete(from, done);
    case SET_DATA: return set(by, from, done);
    case CHECK: return check(from);
    default: return UNIMPLEMENTED;
    }
}

static void undo(changes *done)
{
    while (done->count > 0) {
        change one = done->all[--done->count];

        if (one.event == CREATED)
            store_undo_begin(one.of);
        else if (one.event == DELETED)
            store_undo_end(one.of);
        else {
            store_set(&nodes, one.of, (text){one.old_data, one.old_size});
            one.of->version -= 2;
            one.of->modified = one.old_modified;
            free(one.old_data);
        }
    }
}

void put_multi_header(buffer *to, int type, int done, int rc)
{
    put_int(to, type);
    put_byte(to, done);
    put_int(to, rc);
}

/* Read an operation without carrying it out. */
static void skip(int type, reader *from)
{
    take_text(from);
    if (type == CREATE || type == CREATE2 || type == SET_DATA)
        take_text(from);
    if (type == CREATE || type == CREATE2)
        for (int entries = take_int(from); entries > 0 && !from->failed; entries--) {
            take_int(from);
            take_text(from);
            take_text(from);
        }
    take_int(from); /* the version, or the mode */
}

/* Read the type of a transaction's next operation; 0 at its end. */
int next_type(reader *from)
{
    int type = take_int(from), last = take_byte(from);

    take_int(from);
    return last || from->failed ? 0 : type;
}

int apply_all(client *by, reader *from, changes *done)
{
    size_t body = by->out.size;
    int count = 0, failed = 0, rc = OK, type;

    while ((type = next_type(from)) != 0) {
        if (rc != OK)
            skip(type, from);
        else {
            put_multi_header(&by->out, type, 0, OK);
            rc = apply(by, type, from, done);
            failed = count;
            if (rc == UNIMPLEMENTED)
                break;
        }
        count++;
    }
    if (rc != OK || from->failed)
        undo(done);
    if (from->failed || rc == UNIMPLEMENTED)
        return from->failed ? BAD_ARGUMENTS : rc;
    if (rc != OK) { /* results of errors only: of the failed operation, of those before it, and of those behind */
        by->out.size = body;
        for (int i = 0; i < count; i++) {
            int error = i < failed ? OK : i == failed ? rc : INCONSISTENT;

            put_multi_header(&by->out, ERROR, 0, error);
            put_int(&by->out, error);
        }
    }
    put_multi_header(&by->out, ERROR, 1, ERROR);
    return OK;
}
