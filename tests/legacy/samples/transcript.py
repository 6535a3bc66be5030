"""A service's words with ZooKeeper, in one session. Only print() is of Python 3; the rest is as it always was."""

import sys
import threading

import zc.zk
import zookeeper

zk = zc.zk.ZooKeeper(sys.argv[1])
print(sorted(zk.get_children("/")))
p = zk.properties("/zookeeper")
print(p.data, list(p.values()))
print(zk.get_properties("/zk_test"))
print(zk.set("/zk_test", "foo"))
p = zk.properties("/zk_test")
print(list(p.values()), p.data)
zk.print_tree("/zookeeper")

acl = [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}]
try:
    zk.create("/fake/ephemeral", "some data", acl, zookeeper.EPHEMERAL)
except zookeeper.NoNodeException as error:
    print("%s: %s" % (error.__class__.__name__, error))
print(zk.create("/zk_test/ephemeral", "some data", acl, zookeeper.EPHEMERAL))
print(zk.ephemeral == {"/zk_test/ephemeral": {"acl": acl, "data": "some data", "flags": 1}})
print(sorted(zk.properties("/zk_test/ephemeral").meta_data))

called = threading.Semaphore(0)


def my_callback(node=None):
    print("Called with node: ", node)
    called.release()


children = zk.children("/zk_test")(my_callback)
print(repr(children))
called.acquire()
zk.create("/zk_test/more", "", acl)
called.acquire()
print(sorted(children))
zk.close()
