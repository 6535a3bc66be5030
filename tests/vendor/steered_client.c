/* A client that is steered from outside: one command a line on stdin, what came of it a line on stdout. So a test
 * decides what happens first without waiting for luck. Completions and session events print a line of their own when
 * they come.
 *
 * usage: steered_client HOSTS TIMEOUT_MS [tls CA,CERTIFICATE,KEY[,PASSWORD] | tls-at-once ... | tls-reports CA [NAME] |
 * sasl | shuffled]
 *
 * Its own functions stand before the C library's: getaddrinfo() is a name server that fails or does not answer, read()
 * makes /dev/urandom give a byte at a time, connect() connects at once (tls-at-once) instead of being under
 * way. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zookeeper.h>

/* of the loop that a program without threads of its own would run; the header declares it there only */
int zookeeper_interest(zhandle_t *zh, int *fd, int *interest, struct timeval *tv);
/* of a patch; the extension declares it for itself, too */
int64_t zkc_last_answered(zhandle_t *zh);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static enum { ANSWERS, FAILS, SILENT } resolver = ANSWERS;
static const char *hosts;
static int asking, outstanding, failures, connects_at_once;
static char large[8 << 20];

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    int fails;

    pthread_mutex_lock(&lock);
    if (resolver == SILENT) {
        asking = 1;
        pthread_cond_broadcast(&moved);
    }
    while (resolver == SILENT)
        pthread_cond_wait(&moved, &lock);
    fails = resolver == FAILS;
    failures += fails;
    pthread_mutex_unlock(&lock);
    if (fails)
        return EAI_AGAIN;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, found);
}

ssize_t read(int fd, void *into, size_t count)
{
    char link[32], name[32];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, name, sizeof(name) - 1);
    if (length > 0 && (name[length] = '\0', strcmp(name, "/dev/urandom") == 0)) {
        *(volatile char *)into = 7; /* written here, where AddressSanitizer looks */
        return 1;
    }
    return syscall(SYS_read, fd, into, count);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int flags = fcntl(fd, F_GETFL), rc;

    if (connects_at_once)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    rc = (int)syscall(SYS_connect, fd, address, length);
    fcntl(fd, F_SETFL, flags);
    return rc;
}

static void say(const char *what, int number)
{
    pthread_mutex_lock(&lock);
    printf("%s %d\n", what, number);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    if (type == ZOO_SESSION_EVENT)
        say("state", state);
}

static void on_watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
}

static void finished(int rc, const char *what)
{
    pthread_mutex_lock(&lock);
    outstanding--;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
    if (what != NULL)
        say(what, rc);
}

static void on_void(int rc, const void *what)
{
    finished(rc, what);
}

static void on_stat(int rc, const struct Stat *stat, const void *what)
{
    finished(rc, what);
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *what)
{
    finished(rc, what);
}

static void on_ignored(int rc, const struct Stat *stat, const void *context)
{
}

/* Goes on submitting from the completion thread until the handle is being closed. */
static void on_late(int rc, const char *value, int length, const struct Stat *stat, const void *zh)
{
    zoo_op_t op;
    zoo_op_result_t result;

    say("late", rc);
    zoo_delete_op_init(&op, "/a", -1);
    while (zoo_awexists((zhandle_t *)zh, "/a", on_watch, NULL, on_ignored, NULL) == 0) {
        usleep(1000);
    }
    say("refused", zoo_amulti((zhandle_t *)zh, 1, &op, &result, on_void, NULL));
}

static void *other_thread_asks(void *zh)
{
    return (void *)zoo_get_current_server(zh);
}

static void *other_thread_sets(void *zh)
{
    say("servers", zoo_set_servers(zh, "localhost:1"));
    return NULL;
}

static int watch_many(zhandle_t *zh, int count)
{
    char path[160];
    int i, rc = 0;

    for (i = 0; i < count && rc == 0; i++) {
        snprintf(path, sizeof(path), "/%0128d", i);
        pthread_mutex_lock(&lock);
        outstanding++;
        pthread_mutex_unlock(&lock);
        rc = zoo_awexists(zh, path, on_watch, NULL, on_stat, NULL);
    }
    pthread_mutex_lock(&lock);
    while (outstanding > 0)
        pthread_cond_wait(&moved, &lock);
    pthread_mutex_unlock(&lock);
    return rc;
}

/* Short sessions, closed while the answers to what they ask are awaited. */
static void short_sessions(int count)
{
    int i, number;

    for (number = 0; number < count; number++) {
        zhandle_t *zh = zookeeper_init(hosts, on_event, 6000, NULL, NULL, 0);
        while (zoo_state(zh) != ZOO_CONNECTED_STATE)
            usleep(100);
        for (i = 0; i < 20; i++)
            zoo_awexists(zh, "/a", on_watch, NULL, on_ignored, NULL);
        zookeeper_close(zh);
    }
    say("sessions", number);
}

/* As with every zoo_a... call, a completion comes only if it was accepted. */
static int submit(zhandle_t *zh, const char *what, const char *argument)
{
    static zoo_op_result_t results[2];
    static char buffer[64];
    zoo_op_t ops[2];
    int rc;

    zoo_create_op_init(&ops[0], argument, "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof(buffer));
    zoo_delete_op_init(&ops[1], "/b", -1);
    pthread_mutex_lock(&lock);
    outstanding++;
    pthread_mutex_unlock(&lock);
    if (strcmp(what, "get") == 0)
        rc = zoo_aget(zh, argument, 0, on_data, "get");
    else if (strcmp(what, "delete") == 0)
        rc = zoo_adelete(zh, argument, -1, on_void, "delete");
    else if (strcmp(what, "set") == 0)
        rc = zoo_aset(zh, "/a", large, atoi(argument), -1, on_stat, "set");
    else if (strcmp(what, "multi") == 0)
        rc = zoo_amulti(zh, 2, ops, results, on_void, "multi");
    else
        rc = zoo_add_auth(zh, "digest", argument, (int)strlen(argument), on_void, "auth");
    if (rc != 0)
        finished(rc, "refused");
    return rc;
}

static int milliseconds_since_answer(zhandle_t *zh)
{
    struct timespec now;
    int64_t answered = zkc_last_answered(zh);

    clock_gettime(CLOCK_BOOTTIME, &now);
    return answered == 0 ? -1 : (int)((now.tv_sec * 1000000000LL + now.tv_nsec - answered) / 1000000);
}

static int obey(zhandle_t *zh, const char *command, const char *argument)
{
    pthread_t thread;
    void *result;
    int rc;

    if (strcmp(command, "server") == 0) {
        const char *mine = zoo_get_current_server(zh);
        pthread_create(&thread, NULL, other_thread_asks, zh);
        pthread_join(thread, &result);
        printf("server %s %s\n", mine, mine == result ? "shared" : "own");
        fflush(stdout);
    } else if (strcmp(command, "servers") == 0) {
        say("servers", zoo_set_servers(zh, argument));
    } else if (strcmp(command, "resolver") == 0) {
        pthread_mutex_lock(&lock);
        resolver = atoi(argument);
        pthread_cond_broadcast(&moved);
        pthread_mutex_unlock(&lock);
    } else if (strcmp(command, "failures") == 0) {
        pthread_mutex_lock(&lock);
        rc = failures;
        pthread_mutex_unlock(&lock);
        say("failures", rc);
    } else if (strcmp(command, "silent") == 0) {
        resolver = SILENT;
        pthread_create(&thread, NULL, other_thread_sets, zh);
        pthread_mutex_lock(&lock);
        while (!asking)
            pthread_cond_wait(&moved, &lock);
        pthread_mutex_unlock(&lock);
        obey(zh, "server", "");
        obey(zh, "resolver", "0");
        pthread_join(thread, NULL);
    } else if (strcmp(command, "watches") == 0) {
        say("watches", watch_many(zh, atoi(argument)));
    } else if (strcmp(command, "sessions") == 0) {
        short_sessions(atoi(argument));
    } else if (strcmp(command, "late") == 0) {
        zoo_aget(zh, "/a", 0, on_late, zh);
    } else if (strcmp(command, "answered") == 0) {
        say("answered", milliseconds_since_answer(zh));
    } else if (strcmp(command, "delay") == 0) {
        zoo_set_servers_resolution_delay(zh, atoi(argument));
    } else if (strcmp(command, "lost") == 0) {
        while (zoo_state(zh) != 0) /* the event comes a little before it */
            usleep(100);
        say("lost", 0);
    } else if (strcmp(command, "interest") == 0) {
        int fd = 77, interest = 77;
        struct timeval tv = {77, 77};
        zookeeper_interest(zh, &fd, &interest, &tv);
        say("interest", fd == -1 && interest == 0 && tv.tv_sec == 0);
    } else {
        submit(zh, command, argument);
    }
    return 0;
}

static void on_report(const zkc_tls_report_t *report, void *context)
{
    pthread_mutex_lock(&lock);
    printf("report %d %d %s\n", report->cause, report->all_refused, report->text);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

static zhandle_t *open_with_reports(int timeout, const char *ca, const char *name)
{
    zkc_tls_params_t params = {.ca = ca, .server_name = name, .report = on_report};

    return zookeeper_init_tls(hosts, &params, on_event, timeout, NULL, NULL, 0, NULL, NULL);
}

#ifdef HAVE_CYRUS_SASL_H
static int give_text(void *context, int id, const char **result, unsigned *length)
{
    *result = "user";
    if (length != NULL)
        *length = 4;
    return SASL_OK;
}

static int give_password(sasl_conn_t *connection, void *context, int id, sasl_secret_t **secret)
{
    static struct {
        sasl_secret_t secret;
        char more[8];
    } kept;
    kept.secret.len = 6;
    memcpy(kept.secret.data, "secret", 6);
    *secret = &kept.secret;
    return SASL_OK;
}

static zhandle_t *open_with_sasl(int timeout)
{
    static sasl_callback_t callbacks[] = {
        {SASL_CB_USER, (int (*)(void))give_text, NULL},
        {SASL_CB_AUTHNAME, (int (*)(void))give_text, NULL},
        {SASL_CB_PASS, (int (*)(void))give_password, NULL},
        {SASL_CB_LIST_END, NULL, NULL},
    };
    zoo_sasl_params_t params = {"zookeeper", "localhost", "PLAIN", callbacks};

    sasl_client_init(NULL);
    return zookeeper_init_sasl(hosts, on_event, timeout, NULL, NULL, 0, NULL, &params);
}
#endif

int main(int argc, char **argv)
{
    char line[512] = "-", *command, *argument;
    int timeout = atoi(argv[2]);
    zhandle_t *zh;

    hosts = argv[1];
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zoo_deterministic_conn_order(argc < 4 || strcmp(argv[3], "shuffled") != 0);
    connects_at_once = argc > 4 && strcmp(argv[3], "tls-at-once") == 0;
    if (argc > 4 && strcmp(argv[3], "tls-reports") == 0)
        zh = open_with_reports(timeout, argv[4], argv[5]);
    else if (argc > 4)
        zh = zookeeper_init_ssl(hosts, argv[4], on_event, timeout, NULL, NULL, 0);
#ifdef HAVE_CYRUS_SASL_H
    else if (argc > 3 && strcmp(argv[3], "sasl") == 0)
        zh = open_with_sasl(timeout);
#endif
    else
        zh = zookeeper_init(hosts, on_event, timeout, NULL, NULL, ZOO_READONLY);
    say("opened", zh != NULL);
    while (zh != NULL && fgets(line, sizeof(line), stdin) != NULL) {
        /* strtok, so that nothing else keeps what it keeps: a library that used it for its own would be found to
         * leak */
        command = strtok(line, " \n");
        argument = strtok(NULL, "\n");
        obey(zh, command, argument != NULL ? argument : "");
    }
    strtok(line, "");
    if (zh != NULL)
        zookeeper_close(zh);
    return 0;
}
