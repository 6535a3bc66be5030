/* The attributes of the threads that we make. */

#ifndef ZKC_THREAD_ATTRIBUTES_H
#define ZKC_THREAD_ATTRIBUTES_H

#include <pthread.h>
#include <stddef.h>

/* A handshake of TLS and a look-up of names need some ten KB each, and a program's own resolver or engine may need
 * more. glibc gives 8 MB; musl gives 128 KB, and what overflows them dies. It is address space: memory is taken when
 * used. */
#define ZKC_LEAST_STACK ((size_t)1024 * 1024)

/* Prepare the attributes of a thread; destroyed by the caller. */
static inline void zkc_thread_attributes(pthread_attr_t *attributes)
{
    size_t size;

    pthread_attr_init(attributes);
    if (pthread_attr_getstacksize(attributes, &size) == 0 && size < ZKC_LEAST_STACK)
        pthread_attr_setstacksize(attributes, ZKC_LEAST_STACK);
}

#endif
