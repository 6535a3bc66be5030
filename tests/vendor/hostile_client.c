/* Makes one request of a server that sends nonsense and prints what came of it: "rc=<code>" and, for a node's data, its
 * length.
 *
 * usage: hostile_client PORT get|aget|exists|children|acl|create2|multi|multi2|multi3|badmulti|amulti|idle
 */
#include <zookeeper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Declared by the program that uses it: see patches/zookeeper/0006. */
void zkc_create2_op_init(zoo_op_t *op, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
                         int mode, char *path_buffer, int path_buffer_len, struct Stat *stat);

static volatile int done;
static volatile int connected;

static void watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE)
        connected = 1;
}

static void data_came(int rc, const char *value, int length, const struct Stat *stat, const void *context)
{
    long sum = 0;
    int i;
    /* A binding copies a reply. */
    for (i = 0; value && i < length; i++)
        sum += value[i];
    printf("rc=%d length=%d\n", rc, value ? length : -1);
    done = 1 + (sum == -1);
}

static void multi_came(int rc, const void *context)
{
    printf("rc=%d\n", rc);
    done = 1;
}

static void wait_for(volatile int *what)
{
    int i;
    for (i = 0; i < 1500 && !*what; i++)
        usleep(2000);
}

int main(int argc, char **argv)
{
    char host[64], buffer[64];
    const char *call = argv[2];
    struct String_vector names = {0, NULL};
    struct ACL_vector acl = {0, NULL};
    struct Stat stat;
    zoo_op_t ops[2];
    zoo_op_result_t results[2];
    int rc = 0, length = sizeof(buffer);
    zhandle_t *zh;

    if (argc != 3)
        return 2;
    zoo_set_debug_level(ZOO_LOG_LEVEL_INFO);
    snprintf(host, sizeof(host), "127.0.0.1:%s", argv[1]);
    zh = zookeeper_init(host, watch, 6000, NULL, NULL, 0);
    if (zh == NULL)
        return 2;
    memset(results, 0, sizeof(results));
    zoo_create_op_init(&ops[0], "/a", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof(buffer));
    zoo_delete_op_init(&ops[1], "/b", -1);
    memset(&stat, 0, sizeof(stat));
    if (strcmp(call, "multi2") == 0)
        zkc_create2_op_init(&ops[0], "/a", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof(buffer), &stat);
    if (strcmp(call, "multi3") == 0)
        zoo_create_op_init(&ops[0], "/a", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, buffer, sizeof(buffer));
    if (strcmp(call, "badmulti") == 0)
        ops[0].create_op.path = "no/slash";
    wait_for(&connected);
    if (strcmp(call, "idle") == 0) {
        /* The server speaks first; its connection is dropped, and the next one is like it. */
        usleep(300000);
    } else if (strcmp(call, "aget") == 0) {
        rc = zoo_aget(zh, "/a", 0, data_came, NULL);
        wait_for(&done);
    } else if (strcmp(call, "amulti") == 0) {
        rc = zoo_amulti(zh, 2, ops, results, multi_came, NULL);
        wait_for(&done);
        printf("results=%d,%d\n", results[0].err, results[1].err);
    } else {
        if (strcmp(call, "get") == 0)
            rc = zoo_get(zh, "/a", 0, buffer, &length, &stat);
        else if (strcmp(call, "exists") == 0)
            rc = zoo_exists(zh, "/a", 0, &stat);
        else if (strcmp(call, "children") == 0)
            rc = zoo_get_children(zh, "/a", 0, &names);
        else if (strcmp(call, "acl") == 0)
            rc = zoo_get_acl(zh, "/a", &acl, &stat);
        else if (strcmp(call, "create2") == 0)
            rc = zoo_create2(zh, "/a", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof(buffer), &stat);
        else if (strstr(call, "multi"))
            rc = zoo_multi(zh, 2, ops, results);
        else
            return 2;
        printf("rc=%d version=%d\n", rc, stat.version);
    }
    deallocate_String_vector(&names);
    deallocate_ACL_vector(&acl);
    zookeeper_close(zh);
    puts("closed");
    return 0;
}
