/* libzookeeper's own helper, zoo_sasl_make_basic_callbacks, reads the password from a file and leaks what it allocates.
 * These callbacks take it from memory that the session owns until the handle is closed. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CYRUS_SASL_H

#include <sasl/sasl.h>

static pthread_once_t client_once = PTHREAD_ONCE_INIT;
static int client_rc;

/* Cyrus guards its globals with mutexes from the application; without these it has none. */
static void *new_mutex(void)
{
    pthread_mutex_t *mutex = malloc(sizeof *mutex);

    if (mutex != NULL)
        pthread_mutex_init(mutex, NULL);
    return mutex;
}

static int lock_mutex(void *mutex)
{
    return pthread_mutex_lock(mutex) == 0 ? SASL_OK : SASL_FAIL;
}

static int unlock_mutex(void *mutex)
{
    return pthread_mutex_unlock(mutex) == 0 ? SASL_OK : SASL_FAIL;
}

static void free_mutex(void *mutex)
{
    pthread_mutex_destroy(mutex);
    free(mutex);
}

static char mechanisms[512];

static void note_mechanisms(void)
{
    const char **list = sasl_global_listmech();

    for (; list != NULL && *list != NULL; list++) {
        if (strlen(mechanisms) + strlen(*list) + 2 > sizeof mechanisms)
            break;
        if (mechanisms[0] != '\0')
            strcat(mechanisms, " ");
        strcat(mechanisms, *list);
    }
}

static void init_client(void)
{
    sasl_set_mutex(new_mutex, lock_mutex, unlock_mutex, free_mutex);
    client_rc = sasl_client_init(NULL);
    if (client_rc == SASL_OK)
        note_mechanisms();
}

static int answer_text(void *context, int id, const char **result, unsigned *length)
{
    (void)id;
    *result = context;
    if (length != NULL)
        *length = context != NULL ? (unsigned)strlen(context) : 0;
    return SASL_OK;
}

static int answer_realm(void *context, int id, const char **realms, const char **result)
{
    (void)id;
    *result = context != NULL ? context : (realms != NULL ? realms[0] : NULL);
    return *result != NULL ? SASL_OK : SASL_FAIL;
}

static int answer_secret(sasl_conn_t *connection, void *context, int id, sasl_secret_t **result)
{
    (void)connection;
    (void)id;
    *result = context;
    return context != NULL ? SASL_OK : SASL_FAIL;
}

/* Cyrus calls each with the arguments that its id stands for; the detour over void (*)(void) shows that the cast is
 * intended. */
#define CALLBACK(function) ((int (*)(void))(void (*)(void))(function))

int zkc__sasl_prepare(zkc_open_args *args, zoo_sasl_params_t *params)
{
    const char *password = args->sasl_password != NULL ? args->sasl_password : "";
    sasl_callback_t *callbacks = calloc(5, sizeof *callbacks);
    sasl_secret_t *secret = calloc(1, sizeof *secret + strlen(password) + 1);
    const sasl_callback_t filled[5] = {
        {SASL_CB_USER, CALLBACK(answer_text), args->sasl_user},
        {SASL_CB_AUTHNAME, CALLBACK(answer_text), args->sasl_user},
        {SASL_CB_GETREALM, CALLBACK(answer_realm), args->sasl_realm},
        {SASL_CB_PASS, CALLBACK(answer_secret), secret},
        {SASL_CB_LIST_END, NULL, NULL},
    };

    pthread_once(&client_once, init_client);
    if (callbacks == NULL || secret == NULL || client_rc != SASL_OK) {
        free(callbacks);
        free(secret);
        errno = client_rc != SASL_OK ? ENOTSUP : ENOMEM;
        return -1;
    }
    memcpy(callbacks, filled, sizeof filled);
    secret->len = strlen(password);
    memcpy(secret->data, password, secret->len);
    args->sasl_callbacks = callbacks; /* the library refers to them until the handle is closed */
    args->sasl_secret = secret;
    params->service = args->sasl_service;
    params->host = args->sasl_host;
    params->mechlist = args->sasl_mechanisms;
    params->callbacks = callbacks;
    return 0;
}

const char *zkc_sasl_mechanisms(void)
{
    pthread_once(&client_once, init_client);
    return mechanisms;
}

#else

const char *zkc_sasl_mechanisms(void)
{
    return "";
}

#endif

void zkc__sasl_free(zkc_open_args *args)
{
    free(args->sasl_callbacks);
    free(args->sasl_secret);
}
