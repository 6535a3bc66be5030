/* What Cyrus SASL asks for, answered from the arguments of the session: user, realm and password. */
#ifndef ZKC_SASL_H
#define ZKC_SASL_H

#include "bridge.h"

#ifdef HAVE_CYRUS_SASL_H
int zkc_sasl_prepare(zkc_open_args *args, zoo_sasl_params_t *params); /* -1 and errno */
#endif
void zkc_sasl_free(zkc_open_args *args);
/* The mechanisms that this build can use, separated by spaces; "" without SASL. */
const char *zkc_sasl_mechanisms(void);

#endif
