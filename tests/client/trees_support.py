"""Helpers of the tests of trees."""

SMALL = {
    "/app": b"root",
    "/app/a": b"",
    "/app/b": None,
    "/app/b/ü": bytes(range(256)),
    "/app/b/日本": b"x",
    "/app/b/ü/deep": b"y",
}


async def grow(zk, width=12, depth=3, root="/t"):
    """Make a tree, and return its paths, breadth first."""
    level, paths = [root], []
    for _ in range(depth):
        paths += level
        level = [f"{path}/{i:02}" for path in level for i in range(width)]
    await zk.create_many(((path, path.encode()) for path in paths), raise_errors=True)
    return paths


def shape(nodes, root):
    return {node.path[len(root) :]: (node.data, node.children, node.acl) for node in nodes}
