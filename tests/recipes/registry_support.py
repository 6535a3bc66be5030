"""Registries of both kinds of clients, for one body of a test."""

from __future__ import annotations

import dataclasses
from typing import Any

from zkc.recipes import Instance

from .thread_support import InThread, in_thread

BASE = "/app/services"


def registry_of(zk: Any, base: str = BASE, **options: Any) -> Any:
    """Make a registry of a client of either kind; its calls are awaited."""
    made = zk.inner.registry(base, **options)
    return made if zk.kind == "async" else ThreadRegistry(made)


class ThreadProvider(InThread):
    """A provider of a synchronous client."""

    def note_error(self, instance: Instance) -> None:
        self.inner.note_error(instance)


class ThreadRegistry(InThread):
    """A registry of a synchronous client."""

    async def register(self, *arguments: Any, **options: Any) -> Any:
        return InThread(await in_thread(self.inner.register, *arguments, **options))

    def provider(self, *arguments: Any, **options: Any) -> Any:
        return ThreadProvider(self.inner.provider(*arguments, **options))

    def is_current(self, name: str) -> bool:
        return bool(self.inner.is_current(name))


def instance(id_: str = "a", **options: Any) -> Instance:
    """Make an instance of the service ``web``."""
    settings = {"name": "web", "address": "10.0.0.7", "port": 8080, "id": id_, **options}
    return Instance(**settings)


def changed(one: Instance, **options: Any) -> Instance:
    """Return an instance with changes."""
    return dataclasses.replace(one, **options)


async def ids(registry: Any, name: str = "web") -> list[str]:
    """Return the ids of the instances that a registry knows."""
    return [each.id for each in await registry.instances(name)]


def seeing(registry: Any, *expected: str, name: str = "web") -> Any:
    """Return a function that says whether a registry knows just these ids, for ``eventually``."""

    async def check() -> bool:
        return await ids(registry, name) == sorted(expected)

    return check
