import zookeeper

h = zookeeper.init('127.0.0.1:2181')
print zookeeper.get(h, '/greeting')[0]
zookeeper.async(h, '/greeting')
zookeeper.close(h)
