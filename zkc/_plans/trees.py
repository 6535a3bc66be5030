"""Whole trees."""
WINDOW = 1000
def delete_tree(client, path, window, progress):
    raise NotImplementedError
    yield
