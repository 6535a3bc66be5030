"""What each call of a client does: its checks, its requests, and what it makes of the answers.

A command is written once and knows nothing of how its client waits. A module's functions check their arguments and
send, and return either the one request that a call is, or a flow of several: see :mod:`zkc._flow`.
"""
