/* Macros of Python's full API that its limited one lacks, as functions: they look at the type once more, and are as
 * good. For the wheel of Pythons that have none of their own (docs/packaging.md). */
#ifndef ZKC_LIMITED_API_H
#define ZKC_LIMITED_API_H

#include <Python.h>

#ifdef Py_LIMITED_API
#define PyBytes_AS_STRING(object) PyBytes_AsString(object)
#define PyBytes_GET_SIZE(object) PyBytes_Size(object)
/* "Nobody knows" will do: who asks only saves work with it. */
#define PyUnicode_IS_ASCII(object) 0
#endif

#endif
