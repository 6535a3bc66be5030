"""A base for frozen dataclasses with slots."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

__all__ = ["Frozen"]


class Frozen:
    """A base that lets frozen dataclasses with slots be copied and pickled.

    Pickle's default would set the attributes of the new object, which a frozen class refuses.
    """

    __slots__ = ()

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # a dataclass

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
