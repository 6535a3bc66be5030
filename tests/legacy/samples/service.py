"""A service that finds its database in ZooKeeper, and registers itself there."""
import zc.zk
import zookeeper
from zc.zk import ZK


class Service:

    zk = None

    def __init__(self, addr):
        self.zk = ZK(addr)
        self.settings = self.zk.properties('/services/db')
        self.settings(self.configure)

        @self.zk.children('/services/db/servers')
        def servers(children):
            print sorted(children)

    def configure(self, properties):
        if properties.has_key('database'):
            self.database = properties['database']

    def register(self, port):
        self.zk.register_server('/services/web', ('', port), version=u'1')
        self.zk.settle()

    def limits(self):
        data, meta = self.zk.get('/services/limits')
        return dict(zc.zk.decode(data)).iteritems(), meta['version']


class Strict(zc.zk.ZooKeeper):

    def check(self, path):
        self.own_method(path)
        return self.exists(path)


def load(text):
    zk = zc.zk.ZooKeeper(wait=True)
    try:
        zk.import_tree(text, trim=True)
        zk.delete_recursive('/old', force=True)
    except zookeeper.NoNodeException:
        exec 'raise'
    return zk.properties('/').meta_data


def monitor():
    import zc.zk.monitor
