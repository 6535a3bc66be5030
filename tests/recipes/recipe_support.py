"""Recipes of both kinds of clients, for one body of a test."""

from __future__ import annotations

from typing import Any

from ..client import both


class BlockingRecipe(both.Blocking):
    """A recipe of a :class:`zkc.Client` whose calls can be awaited."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if not callable(value):
            return value
        return lambda *arguments, **options: both.Done(value(*arguments, **options))


def make_recipe(zk: Any, name: str, *arguments: Any, **options: Any) -> Any:
    """Make a recipe with a client of either kind. Its calls can be awaited, and ``both.begin`` takes it.

    Args:
        zk: A client of the fixtures ``zk``, ``other_zk`` or ``make_zk``.
        name: The client's method that makes the recipe.
        arguments: Its arguments.
        options: Its arguments by name.
    """
    recipe = getattr(zk.inner, name)(*arguments, **options)
    return both.Direct(recipe) if zk.kind == "async" else BlockingRecipe(recipe)
