# A lock for scripts, as one wrote it for zkpython on Python 2.
import sys, threading
import zookeeper as zk
from zookeeper import PERM_ALL, NodeExistsException as Exists

OPEN = [{'perms': PERM_ALL, 'scheme': 'world', 'id': 'anyone'}]
MODE = 0644
LIMIT = 30L


class Lock(object):
	def __init__(self, hosts, path):
		self.path = path
		self.up = threading.Event()
		zk.set_debug_level(zk.LOG_LEVEL_ERROR)
		self.handle = zk.init(hosts, self.changed, 10000)
		self.up.wait(LIMIT)

	def changed(self, handle, kind, state, path):
		if kind == zk.SESSION_EVENT and state == zk.CONNECTED_STATE:
			self.up.set()

	def acquire(self):
		try:
			zk.create(self.handle, self.path, '', OPEN, 0)
		except Exists, e:
			print >>sys.stderr, 'there is', self.path
		self.mine = zk.create(self.handle, self.path + '/lock-', `self`, OPEN,
			zk.EPHEMERAL | zk.SEQUENCE)
		while 1:
			names = sorted(zk.get_children(self.handle, self.path))
			if names[0] <> self.mine.split('/')[-1]:
				self.wait_for(names)
			else:
				return

	def wait_for(self, names):
		gone = threading.Event()
		before = names[names.index(self.mine.split('/')[-1]) - 1]
		if zk.exists(self.handle, self.path + '/' + before, lambda *a: gone.set()):
			gone.wait(LIMIT)

	def release(self):
		zk.async(self.handle, self.path)
		delete = getattr(zk, 'delete')
		if delete(self.handle, self.mine) != zk.OK:
			raise zk.ZooKeeperException, 'cannot happen'
		zk.close(self.handle)
