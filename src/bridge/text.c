/* Helpers for libzookeeper's arguments and replies, without any state. */
#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int zkc_connected_address(zkc_session *session, char *host, size_t size, int *port)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    memset(&address, 0, sizeof address);
    if (zookeeper_get_connected_host(session->handle, (struct sockaddr *)&address, &length) == NULL)
        return -1;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;

        *port = ntohs(v4->sin_port);
        return inet_ntop(AF_INET, &v4->sin_addr, host, (socklen_t)size) != NULL ? 0 : -1;
    }
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

        *port = ntohs(v6->sin6_port);
        return inet_ntop(AF_INET6, &v6->sin6_addr, host, (socklen_t)size) != NULL ? 0 : -1;
    }
    return -1;
}

void zkc_copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);

    memcpy(to, from, length);
    to[length] = '\0';
}

size_t zkc_sizeof_op(void)
{
    return sizeof(zoo_op_t);
}

zoo_op_t *zkc_op_at(zoo_op_t *ops, int index)
{
    return &ops[index];
}

void zkc_op_set_ttl(zoo_op_t *op, int64_t ttl_ms)
{
    op->create_op.ttl = ttl_ms;
}

/* A component of a path: not empty, not "." or "..", no control characters. */
static int valid_component(const char *from, size_t length)
{
    if (length == 0 || (length == 1 && from[0] == '.') || (length == 2 && from[0] == '.' && from[1] == '.'))
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)from[i] < 0x20)
            return 0;
    return 1;
}

int zkc_valid_path(const char *path, int sequential)
{
    const char *from = path + 1, *slash;

    if (path[0] != '/')
        return 0;
    if (path[1] == '\0')
        return 1;
    while ((slash = strchr(from, '/')) != NULL) {
        if (!valid_component(from, (size_t)(slash - from)))
            return 0;
        from = slash + 1;
    }
    /* The server appends a number: the component before it may be empty, or dots. */
    if (sequential && (*from == '\0' || strcmp(from, ".") == 0 || strcmp(from, "..") == 0))
        return 1;
    return valid_component(from, strlen(from));
}

/* "host:port" or "[host]:port"; as strict as possible: an address that is not recognized here is only opened on another
 * thread. */
static int is_address(const char *server, size_t length)
{
    char text[INET6_ADDRSTRLEN + 2];
    unsigned char address[sizeof(struct in6_addr)];
    size_t host = length;

    while (host > 0 && server[host - 1] != ':')
        host--;
    if (host < 2 || --host >= sizeof text)
        return 0;
    memcpy(text, server, host);
    text[host] = '\0';
    if (text[0] != '[')
        return inet_pton(AF_INET, text, address) == 1;
    if (text[host - 1] != ']')
        return 0;
    text[host - 1] = '\0';
    return inet_pton(AF_INET6, text + 1, address) == 1;
}

int zkc__hosts_are_addresses(const char *hosts)
{
    const char *end = hosts + strcspn(hosts, "/");

    for (const char *from = hosts; from <= end;) {
        size_t length = strcspn(from, ",/");

        if (!is_address(from, length))
            return 0;
        from += length + 1;
    }
    return 1;
}
