"""The parsed project, as `parse` gives it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from headwater._core import ParsedProject


class Resources(Mapping):  # type: ignore[type-arg]
    """Things of one kind by their unique ids; each is read from the manifest when it is asked for."""

    __slots__ = ("_ids", "_kind", "_parsed")

    def __init__(self, parsed: ParsedProject, kind: str) -> None:
        self._parsed = parsed
        self._kind = kind
        self._ids = dict.fromkeys(parsed.ids(kind))

    def __getitem__(self, unique_id: str) -> Any:
        if unique_id not in self._ids:
            raise KeyError(unique_id)
        return self._parsed.entry(self._kind, unique_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, unique_id: object) -> bool:
        return unique_id in self._ids

    def __repr__(self) -> str:
        return f"<{len(self)} {self._kind}>"


#: Sections of manifest.json that are mappings of unique ids to things.
_RESOURCES = (
    "nodes",
    "sources",
    "macros",
    "docs",
    "exposures",
    "metrics",
    "groups",
    "disabled",
    "saved_queries",
    "semantic_models",
    "unit_tests",
    "functions",
)
#: The others.
_PARTS = ("metadata", "selectors", "parent_map", "child_map", "group_map")


class Manifest:
    """The parsed project, with the sections of manifest.json as attributes: ``manifest.nodes["model.shop.orders"]``.

    Give it to ``Runner(manifest=…)`` to run further commands without parsing again. It does not change: what is changed
    in its entries is changed in copies.
    """

    __slots__ = ("_read", "parsed")

    def __init__(self, parsed: ParsedProject) -> None:
        self.parsed = parsed
        self._read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name not in _RESOURCES and name not in _PARTS:
            raise AttributeError(f"a manifest has no `{name}`")
        if name not in self._read:
            self._read[name] = Resources(self.parsed, name) if name in _RESOURCES else self.parsed.part(name)
        return self._read[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_RESOURCES, *_PARTS]

    def __repr__(self) -> str:
        return f"<Manifest of {self.metadata.project_name}: {len(self.nodes)} nodes, {len(self.sources)} sources>"

    def to_dict(self) -> dict[str, Any]:
        """All of it, as in manifest.json."""
        import json

        document: dict[str, Any] = json.loads(self.parsed.to_json())
        return document

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it as a manifest.json."""
        self.parsed.write(os.fspath(path))
