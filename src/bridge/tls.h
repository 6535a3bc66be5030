/* TLS as a session has it: what the library is told when the session is opened, and what it tells of failures. */
#ifndef ZKC_TLS_H
#define ZKC_TLS_H

#include "bridge.h"

/* Open a handle with TLS, and with SASL unless `sasl_params` is NULL. */
zhandle_t *zkc_tls_open(zkc_session *session, const zkc_open_args *args, const clientid_t *client_id,
                        void *sasl_params);

#endif
