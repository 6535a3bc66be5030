/* The canned server's memory: bytes in and out, and the znodes with those who watch them. Nothing here locks. */
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
    int failed; /* it was shorter than what was asked for */
} reader;

typedef struct node {
    char *path;
    size_t path_size;
    char *data;
    size_t data_size;
    int exists; /* 0: only watched for */
    int version;
    int64_t created, modified; /* zxids */
    void **watchers;
    size_t watching, room;
    struct node *next; /* in its slot */
} node;

enum { SLOTS = 1 << 14 };

typedef struct {
    node *slots[SLOTS];
    int64_t zxid; /* the last one */
} store;

void *allocate(void *old, size_t size); /* or abort */
void reserve(buffer *in, size_t more);

/* Take what comes next; zeros when there is no more. */
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
void write_reply(buffer *to, size_t at, int xid, int64_t zxid, int rc); /* over one that was put there */
size_t begin_packet(buffer *to);
void end_packet(buffer *to, size_t start); /* writes the length that begin_packet left room for */

/* Find a znode, one that is only watched for too; NULL if there is none. /data-N is made when it is looked for. */
node *store_find(store *in, text path);
node *store_add(store *in, text path);
void store_begin(store *in, node *it, text data);
void store_set(store *in, node *it, text data);
void store_end(store *in, node *it);
void store_put_children(store *in, const node *of, buffer *to);

void store_watch(node *it, void *watcher);
void store_forget(store *in, void *watcher);
/* Call for everyone who watches, each once, and forget them. */
void store_tell(node *it, int event, void (*call)(void *watcher, node *of, int event, void *context), void *context);

#endif
