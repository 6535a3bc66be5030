/* The table of armed watches: a hash table of paths, each with its watches.
 *
 * libzookeeper keeps such a table too. But it drops the watches at close without an event, and compares every watcher
 * with every other on a session event. Ours returns every watch. The session's lock protects it. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct zkc_watch_entry {
    struct zkc_watch_entry *next;
    uint32_t hash;
    zkc_watch *watches;
    char path[];
} entry;

static uint32_t hash_path(const char *path)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *path != '\0'; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    return hash;
}

zkc_watch *zkc_watch_new(int kind, const char *path, void *token)
{
    zkc_watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL)
        return NULL;
    watch->item.path = strdup(path);
    if (watch->item.path == NULL) {
        free(watch);
        return NULL;
    }
    watch->kind = kind;
    watch->with_zxid = (ZKC_WATCHES_THAT_STAY & 1u << kind) != 0;
    watch->item.kind = ZKC_ITEM_EVENT;
    watch->item.token = token;
    atomic_init(&watch->refs, 1);
    atomic_init(&watch->fate, ZKC_UNDECIDED);
    atomic_init(&watch->gap, 0);
    watch->item.zxid = -1;
    zkc__count(ZKC_COUNT_ITEM, 1); /* it is freed as an item of the queue */
    return watch;
}

int zkc_event_call(zkc_item *item)
{
    zkc_event *event = (zkc_event *)item;

    if (item->type == ZKC_GAP_EVENT) { /* what comes from here on is queued again, and gets a gap event of its own */
        unsigned last = 2 * event->gap, dropping = last + 1;

        if (!atomic_compare_exchange_strong(&event->watch->gap, &last, 0))
            atomic_compare_exchange_strong(&event->watch->gap, &dropping, 0);
    }
    return atomic_load(&event->watch->fate) != ZKC_REVOKED;
}

int zkc_item_call(zkc_item *item)
{
    int undecided = ZKC_UNDECIDED;

    return atomic_compare_exchange_strong(&((zkc_watch *)item)->fate, &undecided, ZKC_CALLED);
}

void zkc__watches_init(zkc_watch_table *table)
{
    memset(table, 0, sizeof *table);
}

void zkc__watches_destroy(zkc_watch_table *table)
{
    free(table->buckets);
    table->buckets = NULL;
    table->size = 0;
}

static int grow(zkc_watch_table *table)
{
    size_t size = table->size ? table->size * 2 : 64;
    entry **buckets = calloc(size, sizeof *buckets);

    if (buckets == NULL)
        return -1;
    for (size_t i = 0; i < table->size; i++) {
        for (entry *this = table->buckets[i], *next; this != NULL; this = next) {
            next = this->next;
            this->next = buckets[this->hash & (size - 1)];
            buckets[this->hash & (size - 1)] = this;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->size = size;
    return 0;
}

static entry **find(const zkc_watch_table *table, const char *path, uint32_t hash)
{
    entry **position;

    if (table->size == 0)
        return NULL;
    position = &table->buckets[hash & (table->size - 1)];
    while (*position != NULL && ((*position)->hash != hash || strcmp((*position)->path, path) != 0))
        position = &(*position)->next;
    return position;
}

int zkc__watches_add(zkc_watch_table *table, zkc_watch *watch)
{
    uint32_t hash = hash_path(watch->item.path);
    entry **position, *made;

    if (table->entries >= table->size && grow(table) < 0 && table->size == 0)
        return -1;
    position = find(table, watch->item.path, hash);
    if (*position == NULL) {
        size_t length = strlen(watch->item.path) + 1;

        made = malloc(sizeof *made + length);
        if (made == NULL)
            return -1;
        made->next = NULL;
        made->hash = hash;
        made->watches = NULL;
        memcpy(made->path, watch->item.path, length);
        *position = made;
        table->entries++;
    }
    watch->next = (*position)->watches;
    (*position)->watches = watch;
    watch->in_table = 1;
    table->watches++;
    table->persistent += watch->kind == ZKC_WATCH_PERSISTENT;
    table->recursive += watch->kind == ZKC_WATCH_RECURSIVE;
    zkc__count(ZKC_COUNT_WATCH, 1);
    return 0;
}

static void unlinked(zkc_watch_table *table, zkc_watch *watch)
{
    watch->in_table = 0;
    table->watches--;
    table->persistent -= watch->kind == ZKC_WATCH_PERSISTENT;
    table->recursive -= watch->kind == ZKC_WATCH_RECURSIVE;
    zkc__count(ZKC_COUNT_WATCH, -1);
}

static void free_if_empty(zkc_watch_table *table, entry **position)
{
    entry *this = *position;

    if (this->watches == NULL) {
        *position = this->next;
        free(this);
        table->entries--;
    }
}

/* Unlink the watches of an entry that match; the result is oldest first, in the order of their calls. */
static zkc_watch *unlink_watches(zkc_watch_table *table, entry **position, unsigned kinds, void *token, int64_t serial)
{
    entry *this = *position;
    zkc_watch **link = &this->watches, *found = NULL;

    while (*link != NULL) {
        zkc_watch *watch = *link;

        if ((kinds & (1u << watch->kind)) == 0 || (token != NULL && watch->item.token != token) ||
            watch->serial > serial) {
            link = &watch->next;
            continue;
        }
        *link = watch->next;
        watch->next = found; /* an entry lists its newest first */
        found = watch;
        unlinked(table, watch);
    }
    free_if_empty(table, position);
    return found;
}

int zkc__watches_take(zkc_watch_table *table, zkc_watch *watch)
{
    entry **position;
    zkc_watch **link;

    if (!watch->in_table)
        return 0;
    position = find(table, watch->item.path, hash_path(watch->item.path));
    for (link = &(*position)->watches; *link != watch; link = &(*link)->next)
        ;
    *link = watch->next;
    unlinked(table, watch);
    free_if_empty(table, position);
    return 1;
}

zkc_watch *zkc__watches_remove(zkc_watch_table *table, const char *path, unsigned kinds, void *token)
{
    entry **position = find(table, path, hash_path(path));

    return position != NULL && *position != NULL ? unlink_watches(table, position, kinds, token, INT64_MAX) : NULL;
}

zkc_watch *zkc__watches_remove_older(zkc_watch_table *table, const char *path, unsigned kinds, int64_t serial)
{
    entry **position = find(table, path, hash_path(path));

    return position != NULL && *position != NULL ? unlink_watches(table, position, kinds, NULL, serial) : NULL;
}

zkc_watch *zkc__watches_fire(zkc_watch_table *table, const char *path, int type, int config)
{
    unsigned data = config ? 1u << ZKC_WATCH_CONFIG : 1u << ZKC_WATCH_DATA;
    unsigned kinds = 0;

    if (type == ZOO_CREATED_EVENT || type == ZOO_CHANGED_EVENT)
        kinds = data;
    else if (type == ZOO_CHILD_EVENT)
        kinds = 1u << ZKC_WATCH_CHILD;
    else if (type == ZOO_DELETED_EVENT)
        kinds = config ? data : data | 1u << ZKC_WATCH_CHILD;
    return kinds != 0 ? zkc__watches_remove(table, path, kinds, NULL) : NULL;
}

static void visit_kind(const zkc_watch_table *table, const char *path, int kind,
                       void (*visit)(zkc_watch *watch, void *context), void *context)
{
    entry **position = find(table, path, hash_path(path));

    if (position == NULL || *position == NULL)
        return;
    for (zkc_watch *watch = (*position)->watches; watch != NULL; watch = watch->next)
        if (watch->kind == kind)
            visit(watch, context);
}

void zkc__watches_at(const zkc_watch_table *table, const char *path, int kind,
                     void (*visit)(zkc_watch *watch, void *context), void *context)
{
    if (kind == ZKC_WATCH_PERSISTENT ? table->persistent != 0 : table->recursive != 0)
        visit_kind(table, path, kind, visit, context);
}

int zkc__watches_above(const zkc_watch_table *table, const char *path, void (*visit)(zkc_watch *watch, void *context),
                       void *context)
{
    char *above, *slash;

    if (table->recursive == 0)
        return 0;
    above = strdup(path);
    if (above == NULL)
        return -1;
    for (;;) {
        visit_kind(table, above, ZKC_WATCH_RECURSIVE, visit, context);
        slash = strrchr(above, '/');
        if (slash == NULL || above[1] == '\0')
            break;
        slash[slash == above] = '\0'; /* "/a" is below "/" */
    }
    free(above);
    return 0;
}

size_t zkc__watches_count(const zkc_watch_table *table, const char *path, unsigned kinds, void *token)
{
    entry **position = find(table, path, hash_path(path));
    size_t count = 0;

    if (position == NULL || *position == NULL)
        return 0;
    for (zkc_watch *watch = (*position)->watches; watch != NULL; watch = watch->next)
        count += (kinds & (1u << watch->kind)) != 0 && (token == NULL || watch->item.token == token);
    return count;
}

size_t zkc__watches_list(const zkc_watch_table *table, const char *path, unsigned kinds, void **tokens, size_t most)
{
    entry **position = find(table, path, hash_path(path));
    size_t count = 0;

    if (position == NULL || *position == NULL)
        return 0;
    for (zkc_watch *watch = (*position)->watches; watch != NULL && count < most; watch = watch->next)
        if ((kinds & (1u << watch->kind)) != 0)
            tokens[count++] = watch->item.token;
    return count;
}

zkc_watch *zkc__watches_clear(zkc_watch_table *table)
{
    zkc_watch *all = NULL;

    for (size_t i = 0; i < table->size; i++) {
        while (table->buckets[i] != NULL) {
            zkc_watch *found = unlink_watches(table, &table->buckets[i], ~0u, NULL, INT64_MAX), *last = found;

            while (last->next != NULL)
                last = last->next;
            last->next = all;
            all = found;
        }
    }
    return all;
}

void zkc__watches_each(const zkc_watch_table *table, void (*visit)(const zkc_watch *watch, void *context),
                       void *context)
{
    for (size_t i = 0; i < table->size; i++)
        for (entry *this = table->buckets[i]; this != NULL; this = this->next)
            for (zkc_watch *watch = this->watches; watch != NULL; watch = watch->next)
                visit(watch, context);
}
