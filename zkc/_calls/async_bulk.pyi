# Made by tools/stubs.py from bulk.py: do not edit.
from zkc._answer import Answer

class AsyncBulkCalls: ...
