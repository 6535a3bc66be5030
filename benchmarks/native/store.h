/* The canned server's memory: reading and writing of bytes, and the znodes with their watchers. Nothing here locks. */
#ifndef ZKC_BENCH_STORE_H
#define ZKC_BENCH_STORE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *bytes;
    size_t size, room;
} buffer;

typedef struct {
    const char *bytes;
    size_t size;
} text;

typedef struct {
    const char *at, *end;
    int failed; /* the input was too short */
} reader;

typedef struct {
    void **all;
    size_t count, room;
} watchers;

typedef struct node {
    char *path;
    size_t path_size;
    char *data;
    size_t data_size;
    int exists; /* 0: only its watchers exist */
    int version;
    int64_t created, modified, children_modified; /* zxids */
    int64_t owner;                                /* the session of an ephemeral znode, or 0 */
    watchers data_watchers, child_watchers;
    struct node *parent, *first, *before, *after; /* its first child, and its siblings */
    int children, created_children;
    struct node *next; /* in its slot */
} node;

enum { SLOTS = 1 << 14 };

typedef struct {
    node *slots[SLOTS];
    int64_t zxid; /* the last one */
} store;

void *allocate(void *old, size_t size); /* aborts without memory */
void reserve(buffer *in, size_t more);

/* Read the next value; zeros at the end of the input. */
int take_byte(reader *from);
int32_t take_int(reader *from);
int64_t take_long(reader *from);
text take_text(reader *from);
int32_t read_int(const char *bytes);

void put_byte(buffer *to, int value);
void put_int(buffer *to, int32_t value);
void put_long(buffer *to, int64_t value);
void put_text(buffer *to, const char *bytes, size_t size);
void put_stat(buffer *to, const node *of);
void put_reply(buffer *to, int xid, int64_t zxid, int rc);
void write_reply(buffer *to, size_t at, int xid, int64_t zxid, int rc); /* overwrites an earlier one */
size_t begin_packet(buffer *to);
void end_packet(buffer *to, size_t start); /* writes the length that begin_packet left room for */

/* Find a znode, also one that only has watchers; NULL if there is none. The first search creates /data-N. */
node *store_find(store *in, text path);
node *store_add(store *in, text path);
node *store_parent(store *in, text path); /* NULL if there is none */
void store_begin(store *in, node *it, text data, int64_t owner);
void store_set(store *in, node *it, text data);
void store_end(store *in, node *it);
void store_undo_end(node *it);        /* after store_end() */
void store_undo_begin(node *it);      /* after store_begin() */
void store_tidy(store *in, node *it); /* frees it if it neither exists nor is watched */
void store_put_children(const node *of, buffer *to);

/* ---- watches: watchers.c ----------------------------------------------------------------------------------------- */

void watchers_add(watchers *to, void *watcher);
void watchers_remove(watchers *from, const void *watcher);
void store_forget(store *in, void *watcher);
/* Call a function for each watcher once, and forget the watchers. */
void watchers_notify(watchers *of, node *about, int event,
                     void (*call)(void *watcher, node *of, int event, void *context), void *context);

#endif
