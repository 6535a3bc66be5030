import zookeeper

def never(closed:
    zookeeper.init('127.0.0.1'
def next_one(h):
    text = """never ends
    return zookeeper.get(h, '/')
