/* The functions of our adaptor beyond libzookeeper's API; the bridge knows the adaptor by this header only. A thread
 * that waits for a reply can read it, instead of sleeping until the I/O thread has read it (inline_io.c). A thread that
 * closes can have the I/O thread do so (adaptor.c). */
#ifndef ZKC_ADAPTOR_API_H
#define ZKC_ADAPTOR_API_H

#include "thread_attributes.h"

#include <stdatomic.h>
#include <stdint.h>
#include <zookeeper.h>

/* Do not send the next request of this thread: its caller is about to read, which sends it, or else uncorks. */
void zkc_adaptor_cork(int on);
int zkc_adaptor_take_corked(void); /* whether one is corked; from then on no other is */
void zkc_adaptor_uncork(zhandle_t *zh);

enum zkc_read { ZKC_READ_ENOUGH, ZKC_READ_TIMED_OUT, ZKC_READ_INTERRUPTED, ZKC_READ_REFUSED, ZKC_READ_NOT_YET };

/* Send what is queued, take replies from the connection and run their completions, on this thread, until
 * `enough(context)`, or for at most `nanoseconds` (negative: no limit). The caller makes sure that the handle is not
 * closed during the call, and that no completion closes it or waits. A thread that makes `enough` true elsewhere writes
 * to the eventfd `kick`. `kick` may be readable without a reason.
 *
 * `is_reader`: zkc_adaptor_peek has just returned ZKC_READ_NOT_YET.
 *
 * ZKC_READ_REFUSED: another thread reads, or the I/O thread is needed. ZKC_READ_INTERRUPTED: a signal handler ran. */
int zkc_adaptor_read(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds);

/* Begin the same and poll for so long, without ever waiting. A caller uses it while other threads wait for a lock that
 * it holds. Only small packets that have arrived whole are taken. ZKC_READ_ENOUGH, ZKC_READ_REFUSED, or
 * ZKC_READ_NOT_YET: the caller is still the reader, and has to go on soon, with this function
 * (`is_reader`) or with zkc_adaptor_read. */
int zkc_adaptor_peek(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds);

/* Set where the number of requests without a reply is counted, so that the I/O thread can gather replies when there are
 * many. */
void zkc_adaptor_set_load(zhandle_t *zh, const atomic_int *in_flight);

/* Have the I/O thread report each connection that a server closed before it answered the request for the session. It
 * reports how many there were in a row, and the last zxid that the session has seen. The context is the handle's. */
void zkc_adaptor_set_on_unanswered(zhandle_t *zh, void (*callback)(void *context, int count, int64_t zxid));

/* Have the I/O thread stop, and as its last act call `end(context)`. That waits until no thread is inside a call, then
 * calls zkc_adaptor_close. So closing costs neither a thread of its own nor a join. The caller of this counts as
 * inside. */
void zkc_adaptor_end(zhandle_t *zh, void (*end)(void *context), void *context);
void zkc_adaptor_close(zhandle_t *zh); /* frees the handle */

#endif
