/* What a session tells of connections that servers close before they have answered: adaptor/unanswered.c notices them. */
#include "adaptor/zkc_adaptor.h"
#include "bridge.h"

enum { SOME = 5 }; /* so many in a row are worth an event, and again as many */

#ifdef ZKC_OWN_ADAPTOR

/* On the I/O thread. */
static void on_unanswered(void *context, int count, int64_t zxid)
{
    zkc_session *session = context;

    pthread_mutex_lock(&session->lock);
    session->unanswered = count;
    session->seen_zxid = zxid;
    pthread_mutex_unlock(&session->lock);
    if (count % SOME == 0)
        zkc_push_event(session, ZKC_EVENT_UNANSWERED, count);
}

#endif

void zkc_tell_adaptor(zkc_session *session)
{
#ifdef ZKC_OWN_ADAPTOR
    zkc_adaptor_tell_load(session->handle, &session->in_flight);
    zkc_adaptor_tell_unanswered(session->handle, on_unanswered);
#else
    (void)session;
#endif
}

void zkc_unanswered(zkc_session *session, int *count, int64_t *zxid)
{
    pthread_mutex_lock(&session->lock);
    *count = session->unanswered;
    *zxid = session->seen_zxid;
    pthread_mutex_unlock(&session->lock);
}
