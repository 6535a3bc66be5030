/* The session's queue: items for its consumer, in order. Many threads push, one takes. Only a push into an empty queue
 * wakes the consumer, so a burst of replies costs one wake-up. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

void zkc__queue_init(zkc_queue *queue)
{
    memset(queue, 0, sizeof *queue);
    pthread_mutex_init(&queue->lock, NULL);
    queue->notify_fd = -1;
}

void zkc__queue_destroy(zkc_queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
}

void zkc_queue_set_notify_fd(zkc_queue *queue, int fd)
{
    pthread_mutex_lock(&queue->lock);
    queue->notify_fd = fd;
    if (queue->head != NULL)
        zkc_notifier_wake(fd);
    pthread_mutex_unlock(&queue->lock);
}

void zkc_queue_push(zkc_queue *queue, zkc_item *item)
{
    int was_empty;

    item->next = NULL;
    pthread_mutex_lock(&queue->lock);
    was_empty = queue->head == NULL;
    if (was_empty)
        queue->head = item;
    else
        queue->tail->next = item;
    queue->tail = item;
    /* Under the lock: after its release the consumer may free the item and, at the end, the whole queue. It may also
     * close the descriptor, whose number may then be another file's. */
    if (was_empty) {
        atomic_fetch_add(&queue->wake, 1);
        zkc_notifier_wake(queue->notify_fd);
    }
    pthread_mutex_unlock(&queue->lock);
    if (was_empty)
        zkc_word_wake(&queue->wake);
}

static zkc_item *take_all(zkc_queue *queue)
{
    zkc_item *items;

    pthread_mutex_lock(&queue->lock);
    items = queue->head;
    queue->head = queue->tail = NULL;
    pthread_mutex_unlock(&queue->lock);
    return items;
}

zkc_item *zkc_queue_take(zkc_queue *queue, int64_t nanoseconds)
{
    uint32_t seen = atomic_load(&queue->wake);
    zkc_item *items = take_all(queue);

    if (items == NULL && nanoseconds != 0) {
        zkc_word_wait(&queue->wake, seen, nanoseconds);
        items = take_all(queue);
    }
    return items;
}

zkc_item *zkc__item_new(int kind, void *token, int type, int state, const char *path)
{
    zkc_item *item = calloc(1, sizeof *item);

    if (item == NULL)
        return NULL;
    item->kind = kind;
    item->token = token;
    item->type = type;
    item->state = state;
    item->zxid = -1;
    item->path = strdup(path != NULL ? path : "");
    if (item->path == NULL) {
        free(item);
        return NULL;
    }
    zkc__count(ZKC_COUNT_ITEM, 1);
    return item;
}

zkc_item *zkc__event_new(zkc_session *session, zkc_watch *watch, int type, int state, const char *path, int64_t zxid)
{
    zkc_event *event = calloc(1, sizeof *event);

    if (event == NULL)
        return NULL;
    event->item.path = strdup(path);
    if (event->item.path == NULL) {
        free(event);
        return NULL;
    }
    event->item.kind = ZKC_ITEM_WATCH_EVENT;
    event->item.token = watch->item.token; /* lent to the watch, whose last item comes after this one */
    event->item.type = type;
    event->item.state = state;
    event->item.zxid = zxid;
    event->watch = watch;
    event->session = session;
    atomic_fetch_add(&watch->refs, 1); /* back in zkc_item_free */
    atomic_fetch_add(&session->queued_events, 1);
    zkc__count(ZKC_COUNT_ITEM, 1);
    return &event->item;
}

static void free_watch(zkc_watch *watch)
{
    if (atomic_fetch_sub(&watch->refs, 1) != 1)
        return;
    free(watch->item.path);
    free(watch);
    zkc__count(ZKC_COUNT_ITEM, -1);
}

void zkc_item_free(zkc_item *item)
{
    if (item->kind == ZKC_ITEM_WATCH_EVENT) {
        zkc_event *event = (zkc_event *)item;

        atomic_fetch_sub(&event->session->queued_events, 1);
        free_watch(event->watch);
    }
    /* These two are watches; the request that armed them may still refer to them. */
    if (item->kind == ZKC_ITEM_EVENT || item->kind == ZKC_ITEM_DROP) {
        free_watch((zkc_watch *)item);
        return;
    }
    free(item->path);
    free(item);
    zkc__count(ZKC_COUNT_ITEM, -1);
}
