/* Macros of Python's full API that the limited API lacks, as functions: they check the type once more, and are as good.
 * For the wheel for Pythons without a wheel of their own (docs/packaging.md). */
#ifndef ZKC_LIMITED_API_H
#define ZKC_LIMITED_API_H

#include <Python.h>

#ifdef Py_LIMITED_API
#define PyBytes_AS_STRING(object) PyBytes_AsString(object)
#define PyBytes_GET_SIZE(object) PyBytes_Size(object)
/* 0 means not known, which is always correct: the caller only saves work with a 1. */
#define PyUnicode_IS_ASCII(object) 0
#endif

#endif
