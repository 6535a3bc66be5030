# Made by tools/stubs.py from trees.py: do not edit.
from zkc._answer import Answer

class AsyncTreeCalls: ...
