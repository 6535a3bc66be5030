# -*- coding: latin-1 -*-
# Grüße: a module that speaks to both, and runs on Python 2 and 3.
from __future__ import print_function

try:
    from zookeeper import *
except ImportError:
    zookeeper = None
import zc.zk as wrapper
import zookeeper
import mock

try:
    unicode
except NameError:
    unicode = str


def read(handle, path):
    data, stat = get(handle, path)
    set(handle, path, unicode(data))
    aget(handle, path, None, done)
    print('read', path)
    return stat['version']


def done(handle, rc, data, stat):
    for name in ('NONODE', 'OK'):
        if rc == getattr(zookeeper, name):
            print(name)


@mock.patch('zookeeper.create')
@mock.patch.object(zookeeper, 'exists')
def check(create, exists):
    session = wrapper.ZK('127.0.0.1:2181'); session.children('/')(print)
    raw = zookeeper
    raw.multi(session.handle, [])
    getattr(raw, 'async')(session.handle, '/')
    session.children('/').data.sort()
    return raw.client_id(session.handle)
