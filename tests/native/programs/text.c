/* The rule for paths, against a table and, where the library's source is at hand, against the library's own function:
 * zoo_amulti frees twice on a path that it refuses, so whatever is accepted here must be accepted there. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const struct {
    const char *path;
    int valid, sequential; /* whether it is valid, and as the beginning of a sequential znode's path */
} table[] = {
    /* clang-format off */
    {"/", 1, 1},           {"", 0, 0},           {"a", 0, 0},          {"a/b", 0, 0},        {"/a", 1, 1},
    {"/a/b/c", 1, 1},      {"//", 0, 0},         {"/a//b", 0, 0},      {"/a/", 0, 1},        {"/a//", 0, 0},
    {"/.", 0, 1},          {"/..", 0, 1},        {"/...", 1, 1},       {"/.a", 1, 1},        {"/..a", 1, 1},
    {"/a.", 1, 1},         {"/a..", 1, 1},       {"/a.b", 1, 1},       {"/./a", 0, 0},       {"/../a", 0, 0},
    {"/a/./b", 0, 0},      {"/a/../b", 0, 0},    {"/a/.", 0, 1},       {"/a/..", 0, 1},      {"/a/.../b", 1, 1},
    {"/a/.b/c", 1, 1},     {"/./", 0, 0},        {"/../", 0, 0},       {"/\x01", 0, 0},      {"/a\x1f", 0, 0},
    {"/a\x1e/b", 0, 0},    {"/a\tb", 0, 0},      {"/a\n", 0, 0},       {"/.\x01", 0, 0},     {"/..\x01", 0, 0},
    {"/.a\x02", 0, 0},     {"/ ", 1, 1},         {"/a b", 1, 1},       {"/a\x7f", 1, 1},     {"/\xc3\xa9", 1, 1},
    {"/\xff", 1, 1},       {"/zookeeper/config", 1, 1},
    /* clang-format on */
};

static void the_table_holds(void)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (zkc_valid_path(table[i].path, 0) != table[i].valid)
            FAIL("\"%s\" should be %d", table[i].path, table[i].valid);
        if (zkc_valid_path(table[i].path, 1) != table[i].sequential)
            FAIL("\"%s\", sequential, should be %d", table[i].path, table[i].sequential);
    }
}

static void addresses_are_told_from_names(void)
{
    /* clang-format off */
    static const char *const addresses[] = {
        "127.0.0.1:2181", "127.0.0.1:2181/app", "10.0.0.1:1,10.0.0.2:2,10.0.0.3:3", "[::1]:2181", "[fe80::1]:1,1.2.3.4:5/a/b",
    };
    static const char *const others[] = {
        "", ":", ",", "/", ":2181", "localhost:2181", "127.0.0.1", "1.2.3:4", "1.2.3.4.5:6", "::1:2181", "[::1]", "[]:1",
        "[:1", "]:1", "1.2.3.4:1,zk:2", "1.2.3.4:1,", ",1.2.3.4:1", "1.2.3.4:1,,1.2.3.4:2", " 1.2.3.4:1", "[fe80::1%eth0]:1",
        "zk/1.2.3.4:1", "[1.2.3.4]:1", "1111111111111111111111111111111111111111111111111111111111111111111111111:1",
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (!zkc__hosts_are_addresses(addresses[i]))
            FAIL("\"%s\" has no names", addresses[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (zkc__hosts_are_addresses(others[i]))
            FAIL("\"%s\" has no addresses only", others[i]);
}

#ifdef LIBRARY_RULE

int library_rule(const char *path, int mode); /* isValidPath, cut out of the library's source */

/* Every text over this alphabet up to this length. One difference is wanted: the library lets 0x1f pass, which the
 * server refuses. */
static void it_is_the_librarys_own_rule(void)
{
    static const char alphabet[] = {'/', '.', 'a', 0x01, 0x1e, 0x1f, ' ', (char)0x80};
    const int letters = (int)sizeof alphabet, longest = 6;
    char path[8];

    for (int length = 0, texts = 1; length <= longest; length++, texts *= letters) {
        for (int number = 0; number < texts; number++) {
            for (int i = 0, rest = number; i < length; i++, rest /= letters)
                path[i] = alphabet[rest % letters];
            path[length] = '\0';
            for (int sequential = 0; sequential <= 1; sequential++) {
                int ours = zkc_valid_path(path, sequential), theirs = library_rule(path, sequential ? 2 : 0);

                if (strchr(path, 0x1f) != NULL ? ours != 0 : ours != theirs)
                    FAIL("\"%s\" (sequential: %d) is %d here and %d there", path, sequential, ours, theirs);
            }
        }
    }
}

#endif

static void text_is_cut_to_size(void)
{
    char text[4];

    zkc_copy_text(text, sizeof text, "abcdef");
    CHECK_TEXT(text, "abc");
    zkc_copy_text(text, sizeof text, "ab");
    CHECK_TEXT(text, "ab");
    zkc_copy_text(text, 1, "ab");
    CHECK_TEXT(text, "");
}

static void the_servers_address_is_shown(zkc_session *session)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&fake.peer;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&fake.peer;
    char host[64];
    int port = 0;

    memset(&fake.peer, 0, sizeof fake.peer);
    CHECK_EQ(zkc_connected_address(session, host, sizeof host, &port), -1);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(2181);
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(zkc_connected_address(session, host, sizeof host, &port), 0);
    CHECK_TEXT(host, "127.0.0.1");
    CHECK_EQ(port, 2181);
    memset(&fake.peer, 0, sizeof fake.peer);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(2182);
    v6->sin6_addr = in6addr_loopback;
    CHECK_EQ(zkc_connected_address(session, host, sizeof host, &port), 0);
    CHECK_TEXT(host, "::1");
    CHECK_EQ(port, 2182);
    CHECK_EQ(zkc_connected_address(session, host, 2, &port), -1); /* no room */
    fake.peer.ss_family = AF_UNIX;
    CHECK_EQ(zkc_connected_address(session, host, sizeof host, &port), -1);
    memset(&fake.peer, 0, sizeof fake.peer);
}

static void operations_stand_side_by_side(void)
{
    zoo_op_t ops[3];

    CHECK_EQ(zkc_sizeof_op(), sizeof(zoo_op_t));
    CHECK(zkc_op_at(ops, 2) == &ops[2]);
}

int main(void)
{
    RUN(the_table_holds);
    RUN(addresses_are_told_from_names);
#ifdef LIBRARY_RULE
    RUN(it_is_the_librarys_own_rule);
#endif
    RUN(text_is_cut_to_size);
    RUN_IN_SESSION(the_servers_address_is_shown, 10, 0);
    RUN(operations_stand_side_by_side);
    return 0;
}
