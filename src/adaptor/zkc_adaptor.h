/* What our adaptor can do beyond libzookeeper's API. For who waits for a reply: instead of sleeping until the I/O
 * thread has it, read it (inline_io.c). For who closes: have the I/O thread do it (adaptor.c). */
#ifndef ZKC_ADAPTOR_API_H
#define ZKC_ADAPTOR_API_H

#include "thread_attributes.h"

#include <stdatomic.h>
#include <stdint.h>
#include <zookeeper.h>

/* The next request of this thread is not sent: its caller is about to read, which sends it, or else lets it go. */
void zkc_adaptor_cork(int on);
int zkc_adaptor_take_corked(void); /* whether one is corked; from then on no other is */
void zkc_adaptor_uncork(zhandle_t *zh);

enum zkc_read { ZKC_READ_ENOUGH, ZKC_READ_TIMED_OUT, ZKC_READ_INTERRUPTED, ZKC_READ_REFUSED, ZKC_READ_NOT_YET };

/* Send what is queued, take replies from the connection and run their completions, on this thread, until
 * `enough(context)`, or for at most `nanoseconds` (negative: no limit). The caller sees to it that the handle is not
 * closed meanwhile, and that no completion closes it or waits. Whoever makes `enough` true elsewhere writes to the
 * eventfd `kick`, which may be readable for nothing.
 *
 * `is_reader`: zkc_adaptor_peek said ZKC_READ_NOT_YET just before.
 *
 * ZKC_READ_REFUSED: that is somebody else's just now. ZKC_READ_INTERRUPTED: a signal handler ran. */
int zkc_adaptor_read(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds);

/* Begin the same and look for so long, without ever waiting: for who must not, because others wait for what it holds.
 * Only small packets that are there whole are taken. ZKC_READ_ENOUGH, ZKC_READ_REFUSED, or ZKC_READ_NOT_YET: the caller
 * is the reader still, and has to go on soon, with this again (`is_reader`) or with zkc_adaptor_read. */
int zkc_adaptor_peek(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds);

/* Tell how many requests wait for a reply, at any time, so that the I/O thread can gather replies when they are
 * many. */
void zkc_adaptor_set_load(zhandle_t *zh, const atomic_int *in_flight);

/* Have the I/O thread tell of each connection that a server closed before it answered the request for the session: how
 * many that were in a row, and the last zxid that the session has seen. The context is the handle's. */
void zkc_adaptor_set_on_unanswered(zhandle_t *zh, void (*tell)(void *context, int count, int64_t zxid));

/* Have the I/O thread stop, and as its last act call `end(context)`, which waits for who is inside a call and then does
 * zkc_adaptor_close: so closing costs neither a thread of its own nor a join. Who calls this counts as inside. */
void zkc_adaptor_end(zhandle_t *zh, void (*end)(void *context), void *context);
void zkc_adaptor_close(zhandle_t *zh); /* the handle is gone then */

#endif
