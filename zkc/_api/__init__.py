"""The methods of a client that make calls: their signatures, and their documentation.

Each method exists once, in the form of the synchronous client. It passes its arguments to a command
(:mod:`zkc._commands`) through :meth:`Runner._run <zkc._api.runner.Runner._run>`, which each client implements.
:class:`zkc.Client`, :class:`zkc.AsyncClient` and ``client.submit`` share these functions, and differ in what they
return: the result, an :class:`~zkc.AsyncFuture`, or a :class:`~zkc.Future`. The stubs in ``_generated/`` say so to type
checkers; ``tools/stubs.py`` generates them.
"""
