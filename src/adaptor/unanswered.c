/* Connections that servers accept and close before they have answered the request for the session: libzookeeper takes
 * them for lost ones and tries without end. Servers do so without a quorum, and to who has seen later transactions than
 * they have. Part of our adaptor: see adaptor.c. */
#include "adaptor.h"
#include "zkc_adaptor.h"

int zkc_adaptor_awaits_answer(const zhandle_t *zh)
{
    return zh->state == ZOO_ASSOCIATING_STATE && zh->input_buffer == &zh->primer_buffer;
}

/* On the I/O thread, with the turn. */
void zkc_adaptor_note_answer(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);
    void (*tell)(void *context, int count, int64_t zxid);

    if (zkc_adaptor_awaits_answer(zh))
        return;
    if (zh->state != 0 || zh->primer_buffer.curr_offset > (int)sizeof(zh->primer_buffer.len)) {
        adaptor->unanswered = 0; /* it said something */
        return;
    }
    adaptor->unanswered++;
    tell = atomic_load(&adaptor->tell_unanswered);
    if (tell != NULL)
        tell((void *)zoo_get_context(zh), adaptor->unanswered, zh->last_zxid);
}

void zkc_adaptor_tell_unanswered(zhandle_t *zh, void (*tell)(void *context, int count, int64_t zxid))
{
    atomic_store(&adaptor_of(zh)->tell_unanswered, tell);
}
