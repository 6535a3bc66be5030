"""A worker on kazoo, in Python 3."""

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import NoNodeError
from kazoo.recipe.lock import Lock


def watch(state):
    if state == KazooState.LOST:
        print("lost")


def work(client: KazooClient, path):
    with client.Lock(path + "/lock"):
        data, stat = client.get(path)
    return f"{stat.version} {client.exists(path)}"


def main(hosts):
    zk = KazooClient(hosts=hosts, timeout=5.0)
    zk.add_listener(watch)
    zk.start()
    lock = Lock(zk, "/work")

    @zk.DataWatch("/work")
    def changed(data, stat):
        print(data)

    with lock:
        transaction = zk.transaction()
        transaction.set_data("/work", b"1")
        transaction.commit()
    try:
        zk.retry(zk.delete, "/work", recursive=True)
    except NoNodeError:
        zk.get_async("/work").get()
    zk.hosts_of_tomorrow()
    zk.stop()
