/* TLS: what is passed to the library, and what becomes of its reports. */
#include "support.h"

#ifdef HAVE_OPENSSL_H

static zkc_open_args *tls_args(void)
{
    zkc_open_args *args = plain_args();

    args->tls = zkc_tls_options_new();
    args->tls->verify = args->tls->check_hostname = 1;
    return args;
}

static zkc_session *open_tls(void)
{
    zkc_session *session = zkc_session_new(10, 0);

    CHECK_EQ(zkc_session_open(session, tls_args()), 0);
    wait_opened(session, ZKC_OPEN);
    return session;
}

static void the_library_gets_the_settings(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    zkc_open_args *args = tls_args();

    args->tls->ca = strdup("ca");
    args->tls->certificate = strdup("a,b");
    args->tls->key = strdup("key");
    args->tls->password = strdup("secret");
    args->tls->server_name = strdup("name");
    zkc_session_open(session, args);
    wait_opened(session, ZKC_OPEN);
    CHECK_TEXT(fake.init_call, "tls host:2181 ca a,b key secret name 0 plain");
    close_session(session);
}

static void what_is_not_checked_is_said(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    zkc_open_args *args = tls_args();

    args->tls->ca = strdup("ca");
    args->tls->certificate = strdup("cert");
    args->tls->key = strdup("key");
    args->tls->password = strdup("");
    args->tls->server_name = strdup("name");
    args->tls->verify = args->tls->check_hostname = 0;
#ifdef HAVE_CYRUS_SASL_H
    args->sasl_mechanisms = strdup("DIGEST-MD5");
#endif
    zkc_session_open(session, args);
    wait_opened(session, ZKC_OPEN);
#ifdef HAVE_CYRUS_SASL_H
    CHECK_TEXT(fake.init_call, "tls host:2181 ca cert key  name 3 sasl");
#else
    CHECK_TEXT(fake.init_call, "tls host:2181 ca cert key  name 3 plain");
#endif
    close_session(session);
}

static void report(zkc_session *session, int cause, int all_refused, const char *text)
{
    zkc_tls_report_t told = {.cause = cause, .all_refused = all_refused};

    zkc_copy_text(told.text, sizeof told.text, text);
    fake.report(&told, session);
}

static void expect_failure(struct inbox *inbox, int number)
{
    struct seen seen = take(inbox);

    CHECK_EQ(seen.kind, ZKC_ITEM_SESSION);
    CHECK_EQ(seen.type, ZKC_EVENT_TLS_FAILED);
    CHECK_EQ(seen.state, number);
}

static void check_state(zkc_session *session, const char *reason, int failures, int futile)
{
    zkc_tls_state state;

    zkc_tls_copy(session, &state);
    CHECK((state.reason == NULL) == (reason == NULL));
    if (reason != NULL)
        CHECK_TEXT(state.reason, reason);
    CHECK_EQ(state.failures, failures);
    CHECK_EQ(state.all_refused, futile);
}

static void failures_are_kept_counted_and_told(void)
{
    zkc_session *session = open_tls();
    struct inbox inbox = {.session = session};
    uint32_t events = zkc_word_get(&session->events);
    zkc_tls_state state;

    check_state(session, NULL, 0, 0);
    report(session, ZKC_TLS_EXPIRED, 0, "it expired");
    expect_failure(&inbox, 1);
    check_state(session, "expired", 1, 0);
    zkc_tls_copy(session, &state);
    CHECK_TEXT(state.text, "it expired");
    CHECK(zkc_word_get(&session->events) != events); /* a thread that waits for the connection is woken */
    report(session, ZKC_TLS_CLIENT_CERTIFICATE, 1, "it wants one");
    expect_failure(&inbox, 2);
    check_state(session, "client_certificate", 2, 1);
    report(session, ZKC_TLS_ELSEWHERE, 0, "");
    check_state(session, "client_certificate", 2, 0);
    CHECK(is_empty(&inbox));
    report(session, ZKC_TLS_ESTABLISHED, 0, "");
    check_state(session, NULL, 0, 0);
    CHECK(is_empty(&inbox));
    close_session(session);
}

static void another_list_of_servers_is_not_futile(void)
{
    zkc_session *session = open_tls();
    struct inbox inbox = {.session = session};

    report(session, ZKC_TLS_HOSTNAME, 1, "not for this host");
    expect_failure(&inbox, 1);
    zkc_tls_new_servers(session);
    check_state(session, "hostname", 1, 0);
    close_session(session);
}

static void a_stopped_queue_gets_nothing(void)
{
    zkc_session *session = open_tls();
    struct inbox inbox = {.session = session};

    zkc_session_abandon(session);
    report(session, ZKC_TLS_TIMEOUT, 0, "late");
    expect_stop(&inbox);
    check_state(session, "timeout", 1, 0);
    zkc_session_close(session);
    wait_closed(session);
    release_session(session);
}

int main(void)
{
    RUN(the_library_gets_the_settings);
    RUN(what_is_not_checked_is_said);
    RUN(failures_are_kept_counted_and_told);
    RUN(another_list_of_servers_is_not_futile);
    RUN(a_stopped_queue_gets_nothing);
    return 0;
}

#else

int main(void)
{
    return 0;
}

#endif
