/* The watch table against a simple model: a list of what was added, in order. */
#include "support.h"

#include <limits.h>

#define PATHS 700
#define TOKENS 12
#define MOST 6000

static struct token tokens[TOKENS];

static void name(char *path, size_t size, int number)
{
    snprintf(path, size, "/node/%d", number);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

static struct entry {
    int path, kind, token;
} model[MOST];
static int model_size;

static int matches(const struct entry *entry, int path, unsigned kinds, int token)
{
    return entry->path == path && (kinds >> entry->kind & 1) && (token < 0 || entry->token == token);
}

static size_t model_count(int path, unsigned kinds, int token)
{
    size_t count = 0;

    for (int i = 0; i < model_size; i++)
        count += matches(&model[i], path, kinds, token);
    return count;
}

/* Check that a list is what the model holds for this path, oldest first, and take it out of both. */
static void take_both(zkc_watch *watches, int path, unsigned kinds, int token)
{
    char expected[32];
    int kept = 0;

    name(expected, sizeof expected, path);
    for (int i = 0; i < model_size; i++) {
        zkc_watch *watch = watches;

        if (!matches(&model[i], path, kinds, token)) {
            model[kept++] = model[i];
            continue;
        }
        CHECK(watch != NULL);
        CHECK_TEXT(watch->item.path, expected);
        CHECK_EQ(watch->kind, model[i].kind);
        CHECK(watch->item.token == &tokens[model[i].token]);
        watches = watch->next;
        zkc_item_free(&watch->item);
    }
    CHECK(watches == NULL);
    model_size = kept;
}

/* ---- random operations ---------------------------------------------------------------------------------------- */

static void add(zkc_watch_table *table, int path, int kind, int token)
{
    char text[32];
    zkc_watch *watch;

    name(text, sizeof text, path);
    watch = zkc_watch_new(kind, text, &tokens[token]);
    CHECK_EQ(zkc__watches_add(table, watch), 0);
    model[model_size++] = (struct entry){path, kind, token};
}

static unsigned kinds_of(int type, int config)
{
    unsigned data = config ? 1u << ZKC_WATCH_CONFIG : 1u << ZKC_WATCH_DATA;

    switch (type) {
    case 1:
    case 3: return data;
    case 2: return config ? data : data | 1u << ZKC_WATCH_CHILD;
    case 4: return 1u << ZKC_WATCH_CHILD;
    }
    return 0;
}

static void step(zkc_watch_table *table, uint64_t *random)
{
    int path = (int)(next_random(random) % PATHS), token = (int)(next_random(random) % TOKENS);
    unsigned kinds = next_random(random) % 8;
    char text[32];

    name(text, sizeof text, path);
    switch (next_random(random) % 8) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (model_size < 1500)
            add(table, path, (int)(next_random(random) % ZKC_WATCH_KINDS), token);
        break;
    case 4: {
        int type = (int)(next_random(random) % 7) - 2, config = next_random(random) % 4 == 0;

        take_both(zkc__watches_fire(table, text, type, config), path, kinds_of(type, config), -1);
        break;
    }
    case 5: take_both(zkc__watches_remove(table, text, kinds, &tokens[token]), path, kinds, token); break;
    case 6:
        if (next_random(random) % 4 == 0)
            take_both(zkc__watches_remove(table, text, kinds, NULL), path, kinds, -1);
        break;
    case 7:
        CHECK_EQ(zkc__watches_count(table, text, kinds, NULL), model_count(path, kinds, -1));
        CHECK_EQ(zkc__watches_count(table, text, kinds, &tokens[token]), model_count(path, kinds, token));
        break;
    }
    CHECK_EQ(table->watches, model_size);
    CHECK(table->entries <= table->watches);
}

static void count_visit(const zkc_watch *watch, void *context)
{
    (void)watch;
    ++*(int *)context;
}

static void clear(zkc_watch_table *table)
{
    int visited = 0, cleared = 0;

    zkc__watches_each(table, count_visit, &visited);
    CHECK_EQ(visited, model_size);
    for (zkc_watch *watch = zkc__watches_clear(table), *next; watch != NULL; watch = next, cleared++) {
        next = watch->next;
        zkc_item_free(&watch->item);
    }
    CHECK_EQ(cleared, model_size);
    CHECK_EQ(table->watches, 0);
    CHECK_EQ(table->entries, 0);
    CHECK(zkc__watches_clear(table) == NULL);
    model_size = 0;
}

static void it_agrees_with_a_simple_model(void)
{
    zkc_watch_table table;
    uint64_t random = 2024;

    zkc__watches_init(&table);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8000; i++)
            step(&table, &random);
        CHECK(model_size > 100);
        clear(&table);
    }
    zkc__watches_destroy(&table);
}

/* ---- examples ------------------------------------------------------------------------------------------------- */

static void an_empty_table_answers(void)
{
    zkc_watch_table table;

    zkc__watches_init(&table);
    CHECK(zkc__watches_fire(&table, "/a", ZOO_CHANGED_EVENT, 0) == NULL);
    CHECK(zkc__watches_remove(&table, "/a", UINT_MAX, NULL) == NULL);
    CHECK(zkc__watches_clear(&table) == NULL);
    CHECK_EQ(zkc__watches_count(&table, "/a", UINT_MAX, NULL), 0);
    zkc__watches_destroy(&table);
}

static void it_grows_with_the_paths_and_finds_each(void)
{
    zkc_watch_table table;
    char path[32];

    zkc__watches_init(&table);
    for (int i = 0; i < 5000; i++)
        add(&table, i, ZKC_WATCH_DATA, i % TOKENS);
    CHECK_EQ(table.entries, 5000);
    CHECK(table.size >= 4096); /* short chains */
    for (int i = 4999; i >= 0; i--) {
        name(path, sizeof path, i);
        CHECK_EQ(zkc__watches_count(&table, path, 1u << ZKC_WATCH_DATA, &tokens[i % TOKENS]), 1);
        for (zkc_watch *watch = zkc__watches_fire(&table, path, ZOO_CHANGED_EVENT, 0); watch != NULL; watch = NULL) {
            CHECK_TEXT(watch->item.path, path);
            zkc_item_free(&watch->item);
        }
    }
    CHECK_EQ(table.entries, 0);
    model_size = 0;
    zkc__watches_destroy(&table);
}

static void an_event_consumes_only_its_kind(void)
{
    static const struct {
        int type, config;
        size_t data, child, other; /* the rest of one each */
    } cases[] = {
        {1, 0, 0, 1, 1}, {2, 0, 0, 0, 1}, {3, 0, 0, 1, 1}, {4, 0, 1, 0, 1}, {-1, 0, 1, 1, 1}, {-2, 0, 1, 1, 1},
        {1, 1, 1, 1, 0}, {2, 1, 1, 1, 0}, {3, 1, 1, 1, 0}, {4, 1, 1, 0, 1}, {-1, 1, 1, 1, 1}, {99, 0, 1, 1, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zkc_watch_table table;

        zkc__watches_init(&table);
        for (int kind = 0; kind < ZKC_WATCH_KINDS; kind++)
            add(&table, 1, kind, 0);
        take_both(zkc__watches_fire(&table, "/node/1", cases[i].type, cases[i].config), 1,
                  kinds_of(cases[i].type, cases[i].config), -1);
        CHECK_EQ(zkc__watches_count(&table, "/node/1", 1u << ZKC_WATCH_DATA, NULL), cases[i].data);
        CHECK_EQ(zkc__watches_count(&table, "/node/1", 1u << ZKC_WATCH_CHILD, NULL), cases[i].child);
        CHECK_EQ(zkc__watches_count(&table, "/node/1", 1u << ZKC_WATCH_CONFIG, NULL), cases[i].other);
        CHECK(zkc__watches_fire(&table, "/node/10", ZOO_DELETED_EVENT, 0) == NULL);
        clear(&table);
        zkc__watches_destroy(&table);
    }
}

static void the_same_callable_may_watch_twice(void)
{
    zkc_watch_table table;

    zkc__watches_init(&table);
    add(&table, 1, ZKC_WATCH_DATA, 3);
    add(&table, 1, ZKC_WATCH_DATA, 3);
    CHECK_EQ(zkc__watches_count(&table, "/node/1", 1u << ZKC_WATCH_DATA, &tokens[3]), 2);
    take_both(zkc__watches_fire(&table, "/node/1", ZOO_CHANGED_EVENT, 0), 1, 1u << ZKC_WATCH_DATA, -1);
    CHECK_EQ(table.watches, 0);
    zkc__watches_destroy(&table);
}

static void without_memory_the_caller_keeps_the_watch(void)
{
    zkc_watch_table table;
    zkc_watch *watch = zkc_watch_new(ZKC_WATCH_DATA, "/a", &tokens[0]);

    zkc__watches_init(&table);
    for (int at = 1; at <= 2; at++) { /* the buckets, then the entry */
        fail_allocation_at = at;
        CHECK_EQ(zkc__watches_add(&table, watch), -1);
        CHECK_EQ(table.watches, 0);
        CHECK_EQ(table.entries, 0);
    }
    CHECK_EQ(zkc__watches_add(&table, watch), 0);
    CHECK(zkc__watches_clear(&table) == watch);
    zkc_item_free(&watch->item);
    for (int at = 1; at <= 2; at++) {
        fail_allocation_at = at;
        CHECK(zkc_watch_new(ZKC_WATCH_DATA, "/a", &tokens[0]) == NULL);
    }
    zkc__watches_destroy(&table);
}

static void a_table_that_cannot_grow_goes_on(void)
{
    zkc_watch_table table;
    zkc_watch *watch;
    size_t size;

    zkc__watches_init(&table);
    for (int i = 0; i < 64; i++)
        add(&table, i, ZKC_WATCH_DATA, 0);
    size = table.size;
    CHECK_EQ(table.entries, size);
    watch = zkc_watch_new(ZKC_WATCH_DATA, "/node/64", &tokens[0]);
    fail_allocation_at = 1;
    CHECK_EQ(zkc__watches_add(&table, watch), 0);
    model[model_size++] = (struct entry){64, ZKC_WATCH_DATA, 0};
    CHECK_EQ(table.size, size);
    CHECK_EQ(zkc__watches_count(&table, "/node/64", 1u << ZKC_WATCH_DATA, NULL), 1);
    add(&table, 65, ZKC_WATCH_DATA, 0);
    CHECK(table.size > size);
    clear(&table);
    zkc__watches_destroy(&table);
}

int main(void)
{
    RUN(an_empty_table_answers);
    RUN(it_agrees_with_a_simple_model);
    RUN(it_grows_with_the_paths_and_finds_each);
    RUN(an_event_consumes_only_its_kind);
    RUN(the_same_callable_may_watch_twice);
    RUN(without_memory_the_caller_keeps_the_watch);
    RUN(a_table_that_cannot_grow_goes_on);
    return 0;
}
