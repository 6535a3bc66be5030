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

cdef extern from "limited_api.h":
    char *PyBytes_AS_STRING(object)
    Py_ssize_t PyBytes_GET_SIZE(object)

include "stat.pyx"
include "path_rules.pyx"
include "sizes.pyx"
include "decode.pyx"
include "legacy.pyx"
include "request.pyx"
include "green.pyx"
include "locks.pyx"
include "abandon.pyx"
include "future.pyx"
include "line.pyx"
include "delivery.pyx"
include "open_args.pyx"
include "session.pyx"
include "metrics.pyx"
include "session_settings.pyx"
include "tls.pyx"
include "calls.pyx"
include "bulk.pyx"
include "places.pyx"
include "holding.pyx"
include "multi.pyx"
include "dispatch.pyx"
include "process.pyx"
