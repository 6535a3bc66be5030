"""The methods of a client that make calls: what they take and return, and their documentation.

Each is written once, as the synchronous client has it, and hands its arguments to a command (:mod:`zkc._commands`)
through :meth:`Runner._run <zkc._api.runner.Runner._run>`, which waits in the way of its client. So :class:`zkc.Client`,
:class:`zkc.AsyncClient` and ``client.submit`` share these functions, and differ in what they return: the answer, an
awaitable, or a future for it. The stubs ``async_*.pyi`` and ``submit_*.pyi`` tell type checkers so; ``tools/stubs.py``
makes them.
"""
