"""The commands: the checks, the requests and the results of each call.

A command exists once, and never waits. It checks its arguments, sends, and returns either its only request or a flow of
several requests: see :mod:`zkc._flow`. Each client waits for it in its own way.
"""
