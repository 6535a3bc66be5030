/* TLS is libzookeeper's, with patches of ours (vendor/patches/zookeeper/0023 to 0025): a system library has none of it.
 * The library reports the outcome of each attempt from its I/O thread. The session keeps it here for threads that wait
 * or ask. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if ZKC_HAS_TLS

/* As Python knows them: zkc/errors/_make.py has an error class and advice for each. */
static const char *const reasons[] = {
    [ZKC_TLS_FILES] = "files",
    [ZKC_TLS_TIMEOUT] = "timeout",
    [ZKC_TLS_CLOSED] = "closed",
    [ZKC_TLS_PROTOCOL] = "protocol",
    [ZKC_TLS_HANDSHAKE] = "handshake",
    [ZKC_TLS_CERTIFICATE] = "certificate",
    [ZKC_TLS_HOSTNAME] = "hostname",
    [ZKC_TLS_EXPIRED] = "expired",
    [ZKC_TLS_NOT_YET_VALID] = "not_yet_valid",
    [ZKC_TLS_UNKNOWN_CA] = "unknown_ca",
    [ZKC_TLS_SELF_SIGNED] = "self_signed",
    [ZKC_TLS_CLIENT_CERTIFICATE] = "client_certificate",
};

/* On the I/O thread, with the library's list of servers locked; for files that cannot be loaded, on the opening thread.
 * That needs no event: the opening fails. */
static void on_report(const zkc_tls_report_t *report, void *context)
{
    zkc_session *session = context;
    zkc_tls_state *tls = &session->tls;
    int failed = report->cause != ZKC_TLS_ESTABLISHED && report->cause != ZKC_TLS_ELSEWHERE;
    int notify = 0;

    pthread_mutex_lock(&session->lock);
    tls->all_refused = report->all_refused;
    if (report->cause == ZKC_TLS_ESTABLISHED) {
        tls->reason = NULL;
        tls->failures = 0;
    } else if (failed) {
        tls->reason = reasons[report->cause];
        tls->failures++;
        zkc_copy_text(tls->text, sizeof tls->text, report->text);
        notify = report->cause != ZKC_TLS_FILES || atomic_load(&session->opened) == ZKC_OPEN;
    }
    pthread_mutex_unlock(&session->lock);
    if (notify)
        zkc__push_event(session, ZKC_EVENT_TLS_FAILED, tls->failures); /* written by this thread only */
    if (failed) {
        atomic_fetch_add(&session->events, 1);
        zkc_word_wake(&session->events); /* threads that wait for the connection */
    }
}

zhandle_t *zkc__tls_open(zkc_session *session, const zkc_open_args *args, const clientid_t *client_id,
                         void *sasl_params)
{
    const zkc_tls_options *tls = args->tls;
    const zkc_tls_params_t params = {
        .ca = tls->ca,
        .certificate = tls->certificate,
        .key = tls->key,
        .password = tls->password,
        .server_name = tls->server_name,
        .flags = (tls->verify ? 0 : ZKC_TLS_NO_VERIFICATION) | (tls->check_hostname ? 0 : ZKC_TLS_ANY_HOST),
        .report = on_report,
    };

    return zookeeper_init_tls(args->hosts, &params, zkc__on_event, args->timeout_ms, client_id, session, args->flags,
                              zkc__on_log, sasl_params);
}

#else

zhandle_t *zkc__tls_open(zkc_session *session, const zkc_open_args *args, const clientid_t *client_id,
                         void *sasl_params)
{
    (void)session, (void)args, (void)client_id, (void)sasl_params;
    errno = ENOTSUP;
    return NULL;
}

#endif

zkc_tls_options *zkc_tls_options_new(void)
{
    return calloc(1, sizeof(zkc_tls_options));
}

void zkc__tls_options_free(zkc_tls_options *tls)
{
    if (tls == NULL)
        return;
    free(tls->ca);
    free(tls->certificate);
    free(tls->key);
    free(tls->server_name);
    if (tls->password != NULL)
        explicit_bzero(tls->password, strlen(tls->password));
    free(tls->password);
    free(tls);
}

void zkc_tls_new_servers(zkc_session *session)
{
    pthread_mutex_lock(&session->lock);
    session->tls.all_refused = 0;
    pthread_mutex_unlock(&session->lock);
}

void zkc_tls_copy(zkc_session *session, zkc_tls_state *copy)
{
    pthread_mutex_lock(&session->lock);
    *copy = session->tls;
    pthread_mutex_unlock(&session->lock);
}
