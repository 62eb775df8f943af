"""Entries of artifacts, read by attribute, and rows of tables."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Record(dict):  # type: ignore[type-arg]
    """A dict whose keys are attributes as well: ``node.config.materialized``, ``node["config"]["materialized"]``.

    A key that is also a method of dict (``items``, ``values`` …) is only found by ``[…]``.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no `{name}` here: {', '.join(map(str, self))}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self if isinstance(key, str))]

    def to_dict(self) -> dict[str, Any]:
        """A plain copy: dicts, lists and values."""
        return {key: _plain(value) for key, value in self.items()}


class Row(tuple):  # type: ignore[type-arg]
    """A row of a table: a tuple whose values are found by the names of their columns as well."""

    _names: tuple[str, ...]

    def __new__(cls, names: tuple[str, ...], values: Iterable[Any]) -> Row:
        """`values` in the order of `names`."""
        row = super().__new__(cls, values)
        row._names = names
        return row

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self._names.index(key) if isinstance(key, str) else key)

    def keys(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._names

    def values(self) -> tuple[Any, ...]:
        """The values, in the order of the columns."""
        return tuple(self)

    def items(self) -> list[tuple[str, Any]]:
        """Names with their values."""
        return list(zip(self._names, self))

    def dict(self) -> dict[str, Any]:
        """A dict by the names of the columns."""
        return dict(self.items())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
