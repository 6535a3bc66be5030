/* The canned server's watches. The callers hold the lock. */
#include "store.h"

void watchers_add(watchers *to, void *watcher)
{
    for (size_t i = 0; i < to->count; i++)
        if (to->all[i] == watcher)
            return;
    if (to->count == to->room) {
        to->room = to->room * 2 + 1;
        to->all = allocate(to->all, to->room * sizeof *to->all);
    }
    to->all[to->count++] = watcher;
}

void watchers_remove(watchers *from, const void *watcher)
{
    for (size_t i = from->count; i-- > 0;)
        if (from->all[i] == watcher)
            from->all[i] = from->all[--from->count];
}

void store_forget(store *in, void *watcher)
{
    for (int slot = 0; slot < SLOTS; slot++)
        for (node *it = in->slots[slot], *next; it != NULL; it = next) {
            next = it->next;
            watchers_remove(&it->data_watchers, watcher);
            watchers_remove(&it->child_watchers, watcher);
            store_tidy(in, it);
        }
}

void watchers_notify(watchers *of, node *about, int event,
                     void (*call)(void *watcher, node *of, int event, void *context), void *context)
{
    size_t count = of->count;

    of->count = 0;
    for (size_t i = 0; i < count; i++)
        call(of->all[i], about, event, context);
}
