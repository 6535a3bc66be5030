#include "interpose.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

atomic_int fail_threads;
_Thread_local int fail_allocation_at;
void (*_Atomic on_malloc)(void);

int zkc_test_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);
void *zkc_test_malloc(size_t size);
void *zkc_test_calloc(size_t count, size_t size);
char *zkc_test_strdup(const char *text);

int zkc_test_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
    int left = atomic_load(&fail_threads);

    while (left > 0)
        if (atomic_compare_exchange_weak(&fail_threads, &left, left - 1))
            return EAGAIN;
    return pthread_create(thread, attributes, body, argument);
}

static int fails(void)
{
    if (fail_allocation_at == 0 || --fail_allocation_at != 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *zkc_test_malloc(size_t size)
{
    void (*hold)(void) = atomic_load(&on_malloc);

    if (hold != NULL)
        hold();
    return fails() ? NULL : malloc(size);
}

void *zkc_test_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

char *zkc_test_strdup(const char *text)
{
    return fails() ? NULL : strdup(text);
}
