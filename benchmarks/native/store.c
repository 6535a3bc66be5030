#include "store.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *allocate(void *old, size_t size)
{
    void *found = realloc(old, size);

    if (found == NULL)
        abort();
    return found;
}

void reserve(buffer *in, size_t more)
{
    if (in->room - in->size >= more)
        return;
    in->room = (in->size + more) * 2;
    in->bytes = allocate(in->bytes, in->room);
}

/* ---- numbers and texts, as jute writes them ---------------------------------------------------------------------- */

static const char *take(reader *from, size_t size)
{
    const char *at = from->at;

    if ((size_t)(from->end - at) < size) {
        from->failed = 1;
        return NULL;
    }
    from->at += size;
    return at;
}

int32_t read_int(const char *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof value);
    return (int32_t)ntohl(value);
}

int take_byte(reader *from)
{
    const char *at = take(from, 1);

    return at == NULL ? 0 : *at;
}

int32_t take_int(reader *from)
{
    const char *at = take(from, 4);

    return at == NULL ? 0 : read_int(at);
}

int64_t take_long(reader *from)
{
    uint32_t high = (uint32_t)take_int(from), low = (uint32_t)take_int(from);

    return (int64_t)((uint64_t)high << 32 | low);
}

text take_text(reader *from)
{
    int32_t size = take_int(from);
    const char *at = size <= 0 ? "" : take(from, (size_t)size);

    return at == NULL || size < 0 ? (text){"", 0} : (text){at, (size_t)size};
}

static char *put(buffer *to, size_t size)
{
    reserve(to, size);
    to->size += size;
    return to->bytes + to->size - size;
}

static char *write_int(char *at, int32_t value)
{
    uint32_t wire = htonl((uint32_t)value);

    memcpy(at, &wire, sizeof wire);
    return at + sizeof wire;
}

static char *write_long(char *at, int64_t value)
{
    return write_int(write_int(at, (int32_t)(value >> 32)), (int32_t)value);
}

void put_byte(buffer *to, int value)
{
    *put(to, 1) = (char)value;
}

void put_int(buffer *to, int32_t value)
{
    write_int(put(to, 4), value);
}

void put_long(buffer *to, int64_t value)
{
    write_long(put(to, 8), value);
}

void put_text(buffer *to, const char *bytes, size_t size)
{
    char *at = put(to, 4 + size);

    memcpy(write_int(at, (int32_t)size), bytes, size);
}

void put_stat(buffer *to, const node *of)
{
    char *at = put(to, 68);

    at = write_long(at, of->created);
    at = write_long(at, of->modified);
    at = write_long(at, 1700000000000); /* ctime, mtime: any time */
    at = write_long(at, 1700000000000);
    at = write_int(at, of->version);
    at = write_int(at, 2 * of->created_children - of->children); /* cversion: it counts creations and deletions */
    at = write_int(at, 0);                                       /* aversion */
    at = write_long(at, of->owner);
    at = write_int(at, (int32_t)of->data_size);
    at = write_int(at, of->children);
    write_long(at, of->children_modified);
}

void write_reply(buffer *to, size_t at, int xid, int64_t zxid, int rc)
{
    write_int(write_long(write_int(to->bytes + at, xid), zxid), rc);
}

void put_reply(buffer *to, int xid, int64_t zxid, int rc)
{
    put(to, 16);
    write_reply(to, to->size - 16, xid, zxid, rc);
}

size_t begin_packet(buffer *to)
{
    put(to, 4);
    return to->size - 4;
}

void end_packet(buffer *to, size_t start)
{
    write_int(to->bytes + start, (int32_t)(to->size - start - 4));
}

/* ---- znodes ------------------------------------------------------------------------------------------------------ */

static node **slot_of(store *in, text path)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < path.size; i++)
        hash = (hash ^ (unsigned char)path.bytes[i]) * 16777619u;
    return &in->slots[(hash ^ hash >> 16) % SLOTS];
}

static void replace(node *it, text data)
{
    it->data = allocate(it->data, data.size + 1);
    memcpy(it->data, data.bytes, data.size);
    it->data_size = data.size;
}

static node *make_data(store *in, text path)
{
    node *made;
    text data;
    char *filled;
    char number[16] = "";

    memcpy(number, path.bytes + 6, path.size - 6 < 15 ? path.size - 6 : 15);
    data.size = (size_t)atol(number);
    filled = allocate(NULL, data.size + 1);
    memset(filled, 'x', data.size);
    memcpy(filled, path.bytes, path.size < data.size ? path.size : data.size);
    data.bytes = filled;
    made = store_add(in, path);
    store_begin(in, made, data, 0);
    free(filled);
    return made;
}

node *store_find(store *in, text path)
{
    for (node *it = *slot_of(in, path); it != NULL; it = it->next)
        if (it->path_size == path.size && memcmp(it->path, path.bytes, path.size) == 0)
            return it;
    return path.size > 6 && memcmp(path.bytes, "/data-", 6) == 0 ? make_data(in, path) : NULL;
}

node *store_add(store *in, text path)
{
    node *made = allocate(NULL, sizeof *made), **slot = slot_of(in, path);

    *made = (node){.path = allocate(NULL, path.size + 1), .path_size = path.size, .next = *slot};
    memcpy(made->path, path.bytes, path.size);
    *slot = made;
    return made;
}

node *store_parent(store *in, text path)
{
    size_t size = path.size;
    node *found;

    while (size > 0 && path.bytes[size - 1] != '/')
        size--;
    if (size == 0 || path.size == 1) /* the root has none */
        return NULL;
    found = store_find(in, (text){path.bytes, size > 1 ? size - 1 : 1});
    return found != NULL && found->exists ? found : NULL;
}

static void link_child(node *parent, node *it)
{
    it->parent = parent;
    if (parent == NULL)
        return;
    it->before = NULL;
    it->after = parent->first;
    if (parent->first != NULL)
        parent->first->before = it;
    parent->first = it;
    parent->children++;
}

static void unlink_child(node *it)
{
    node *parent = it->parent;

    if (parent == NULL)
        return;
    if (it->before != NULL)
        it->before->after = it->after;
    else
        parent->first = it->after;
    if (it->after != NULL)
        it->after->before = it->before;
    parent->children--;
}

void store_begin(store *in, node *it, text data, int64_t owner)
{
    node *parent = store_parent(in, (text){it->path, it->path_size});

    replace(it, data);
    it->exists = 1;
    it->version = it->created_children = 0;
    it->owner = owner;
    it->created = it->modified = it->children_modified = ++in->zxid;
    link_child(parent, it);
    if (parent != NULL) {
        parent->created_children++;
        parent->children_modified = in->zxid;
    }
}

void store_undo_begin(node *it)
{
    it->exists = 0;
    unlink_child(it);
    if (it->parent != NULL)
        it->parent->created_children--;
}

void store_set(store *in, node *it, text data)
{
    replace(it, data);
    it->version++;
    it->modified = ++in->zxid;
}

/* It stays in its slot, with its watchers and its old data. */
void store_end(store *in, node *it)
{
    it->exists = 0;
    ++in->zxid;
    unlink_child(it);
    if (it->parent != NULL)
        it->parent->children_modified = in->zxid;
}

void store_undo_end(node *it)
{
    it->exists = 1;
    link_child(it->parent, it);
}

void store_tidy(store *in, node *it)
{
    if (it->exists || it->data_watchers.count > 0 || it->child_watchers.count > 0)
        return;
    for (node **at = slot_of(in, (text){it->path, it->path_size}); *at != NULL; at = &(*at)->next)
        if (*at == it) {
            *at = it->next;
            break;
        }
    free(it->path);
    free(it->data);
    free(it->data_watchers.all);
    free(it->child_watchers.all);
    free(it);
}

void store_put_children(const node *of, buffer *to)
{
    size_t base = of->path_size == 1 ? 1 : of->path_size + 1;

    put_int(to, of->children);
    for (const node *it = of->first; it != NULL; it = it->after)
        put_text(to, it->path + base, it->path_size - base);
}
