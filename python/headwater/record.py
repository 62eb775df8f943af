"""Entries of artifacts, read by attribute."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
