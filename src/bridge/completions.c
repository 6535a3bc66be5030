/* libzookeeper's completions, which run on its threads: claim the request, copy the reply, complete the request. No
 * Python, no blocking, and no lock of ours held while the library is called. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- replies: copies, because the library frees its own when a completion returns -------------------------------- */

static int copy_stat(zkc_request *request, const struct Stat *stat)
{
    if (stat != NULL) {
        request->stat = *stat;
        request->has_stat = 1;
    }
    return ZOK;
}

static int copy_bytes(zkc_request *request, const char *bytes, int64_t length)
{
    request->length = bytes == NULL && length <= 0 ? -1 : length;
    if (request->length < 0)
        return ZOK;
    request->bytes = malloc((size_t)length + 1);
    if (request->bytes == NULL)
        return ZSYSTEMERROR;
    if (length > 0)
        memcpy(request->bytes, bytes, (size_t)length);
    request->bytes[length] = '\0';
    return ZOK;
}

/* Large data stay in their packet: a copy would allocate their pages twice. For small data a copy is cheaper than a
 * whole packet. */
enum { LARGE = 4096 };

static int copy_data(zkc_request *request, const char *data, int length)
{
    void *packet = length >= LARGE ? zkc_keep_packet() : NULL;

    if (packet == NULL)
        return copy_bytes(request, data, length);
    request->packet = packet;
    request->bytes = (char *)data;
    request->length = length;
    return ZOK;
}

static char *pack(char *to, const char *text)
{
    int32_t length = text == NULL ? -1 : (int32_t)strlen(text);

    memcpy(to, &length, sizeof length);
    to += sizeof length;
    if (length > 0) {
        memcpy(to, text, (size_t)length);
        to += length;
    }
    return to;
}

const char *zkc_unpack(const char **cursor, int32_t *length)
{
    const char *text;

    memcpy(length, *cursor, sizeof *length);
    text = *cursor + sizeof *length;
    *cursor = *length > 0 ? text + *length : text;
    return text;
}

static size_t packed_size(const char *text)
{
    return sizeof(int32_t) + (text != NULL ? strlen(text) : 0);
}

static int copy_strings(zkc_request *request, const struct String_vector *strings)
{
    size_t size = 1;
    char *to;

    for (int i = 0; i < strings->count; i++)
        size += packed_size(strings->data[i]);
    to = request->bytes = malloc(size);
    if (to == NULL)
        return ZSYSTEMERROR;
    for (int i = 0; i < strings->count; i++)
        to = pack(to, strings->data[i]);
    request->count = strings->count;
    request->length = to - request->bytes;
    return ZOK;
}

static int copy_acl(zkc_request *request, const struct ACL_vector *acl)
{
    size_t size = 1;
    char *to;

    for (int i = 0; i < acl->count; i++)
        size += sizeof(int32_t) + packed_size(acl->data[i].id.scheme) + packed_size(acl->data[i].id.id);
    to = request->bytes = malloc(size);
    if (to == NULL)
        return ZSYSTEMERROR;
    for (int i = 0; i < acl->count; i++) {
        memcpy(to, &acl->data[i].perms, sizeof(int32_t));
        to = pack(to + sizeof(int32_t), acl->data[i].id.scheme);
        to = pack(to, acl->data[i].id.id);
    }
    request->count = acl->count;
    request->length = to - request->bytes;
    return ZOK;
}

/* Each completion: claim, copy on success, complete. A claim that comes too late only releases the library's reference.
 */
#define COMPLETE(data, rc, copies)                             \
    do {                                                       \
        zkc_request *request = (zkc_request *)(data);          \
        int outcome = (rc);                                    \
        if (!zkc__claim(request)) {                            \
            zkc_request_unref(request);                        \
            return;                                            \
        }                                                      \
        if (outcome == ZOK && !zkc_request_abandoned(request)) \
            outcome = (copies);                                \
        zkc__complete(request, outcome);                       \
    } while (0)

void zkc_on_void(int rc, const void *data)
{
    COMPLETE(data, rc, ZOK);
}

void zkc_on_stat(int rc, const struct Stat *stat, const void *data)
{
    COMPLETE(data, rc, copy_stat(request, stat));
}

void zkc_on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    COMPLETE(data, rc, copy_data(request, value, length) || copy_stat(request, stat) ? ZSYSTEMERROR : ZOK);
}

void zkc_on_string(int rc, const char *value, const void *data)
{
    COMPLETE(data, rc, copy_bytes(request, value, value != NULL ? (int64_t)strlen(value) : -1));
}

void zkc_on_string_stat(int rc, const char *value, const struct Stat *stat, const void *data)
{
    COMPLETE(data, rc,
             copy_bytes(request, value, value != NULL ? (int64_t)strlen(value) : -1) || copy_stat(request, stat)
                 ? ZSYSTEMERROR
                 : ZOK);
}

void zkc_on_strings(int rc, const struct String_vector *strings, const void *data)
{
    COMPLETE(data, rc, copy_strings(request, strings));
}

void zkc_on_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data)
{
    COMPLETE(data, rc, copy_strings(request, strings) || copy_stat(request, stat) ? ZSYSTEMERROR : ZOK);
}

void zkc_on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    COMPLETE(data, rc, copy_acl(request, acl) || copy_stat(request, stat) ? ZSYSTEMERROR : ZOK);
}

void zkc_on_int(int rc, int value, const void *data)
{
    COMPLETE(data, rc, (request->count = value, ZOK));
}

static int copy_identities(zkc_request *request, const struct ClientInfo_vector *identities)
{
    size_t size = 1;
    char *to;

    for (int i = 0; i < identities->count; i++)
        size += packed_size(identities->data[i].authScheme) + packed_size(identities->data[i].user);
    to = request->bytes = malloc(size);
    if (to == NULL)
        return ZSYSTEMERROR;
    for (int i = 0; i < identities->count; i++) {
        to = pack(to, identities->data[i].authScheme);
        to = pack(to, identities->data[i].user);
    }
    request->count = identities->count;
    request->length = to - request->bytes;
    return ZOK;
}

void zkc_on_client_info(int rc, const struct ClientInfo_vector *identities, const void *data)
{
    COMPLETE(data, rc, copy_identities(request, identities));
}

/* ---- the reads of a request that reads many: only their part is written ------------------------------------------ */

void zkc_on_part_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    zkc_request *part = (zkc_request *)data;

    part->rc = rc;
    if (rc == ZOK)
        part->rc = copy_data(part, value, length) || copy_stat(part, stat) ? ZSYSTEMERROR : ZOK;
}

void zkc_on_part_strings(int rc, const struct String_vector *strings, const void *data)
{
    zkc_request *part = (zkc_request *)data;

    part->rc = rc;
    if (rc == ZOK)
        part->rc = copy_strings(part, strings);
}
