# Made by tools/stubs.py from bulk.py: do not edit.
from zkc._futures import Future

class SubmitBulkCalls: ...
