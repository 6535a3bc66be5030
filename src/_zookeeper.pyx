# cython: language_level=3, binding=True, embedsignature=False, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True, auto_pickle=False, autotestdict=False
"""Native core of zkc: sessions of libzookeeper, their requests and their watches.

This layer mirrors zookeeper.h and has no opinions: codes are ints, ACLs are tuples, watches get ``(type, state,
path)``.
The idiomatic layer above it is :class:`zkc.Client`.
"""
cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.unicode cimport (
    PyUnicode_AsUTF8AndSize, PyUnicode_AsUTF8String, PyUnicode_DecodeUTF8, PyUnicode_FromObject,
)
from libc.errno cimport EAGAIN, EMFILE, ENFILE, ENOMEM
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, strdup, strlen

from bridge cimport *
from zookeeper cimport *

import _thread
import atexit
import concurrent.futures
import logging
import os
import re
import sys
import threading
import time
import types
import warnings
import weakref
from datetime import datetime, timedelta, timezone

from zkc import errors
from zkc._log_repeats import Repeats
from zkc.errors import _system_ca

cdef extern from "_zookeeper/limited_api.h":
    char *PyBytes_AS_STRING(object)
    Py_ssize_t PyBytes_GET_SIZE(object)

include "_zookeeper/stat.pyx"
include "_zookeeper/server_limits.pyx"
include "_zookeeper/decode.pyx"
include "_zookeeper/legacy.pyx"
include "_zookeeper/request.pyx"
include "_zookeeper/greenlets.pyx"
include "_zookeeper/locks.pyx"
include "_zookeeper/finalized.pyx"
include "_zookeeper/future.pyx"
include "_zookeeper/delivery.pyx"
include "_zookeeper/open_args.pyx"
include "_zookeeper/session.pyx"
include "_zookeeper/metrics.pyx"
include "_zookeeper/session_settings.pyx"
include "_zookeeper/tls.pyx"
include "_zookeeper/calls.pyx"
include "_zookeeper/bulk.pyx"
include "_zookeeper/submit.pyx"
include "_zookeeper/multi.pyx"
include "_zookeeper/dispatch.pyx"
include "_zookeeper/process.pyx"
