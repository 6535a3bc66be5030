/* Preloaded: names are looked up only once the file that SLOW_NAMES names is there, as with a slow name server. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT,
                                                                                                 "getaddrinfo");
    const char *file = getenv("SLOW_NAMES");

    if (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0)
        file = NULL; /* an address needs no server */
    while (file != NULL && access(file, F_OK) != 0)
        usleep(1000);
    return real(node, service, hints, found);
}
