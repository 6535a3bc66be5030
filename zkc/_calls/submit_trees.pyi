# Made by tools/stubs.py from trees.py: do not edit.
from zkc._futures import Future

class SubmitTreeCalls: ...
