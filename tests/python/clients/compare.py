"""Compares two artifacts key by key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any


def differences(theirs: Any, ours: Any, allowed: Mapping[str, str], path: str = "") -> Iterator[str]:
    """What differs: keys, JSON types and values, each with its path. `allowed` are paths that may differ, as patterns
    where `*` is one part, with the reasons; at a path that may differ, the JSON type must still be the same, unless the
    pattern ends in `?`."""
    allowance = match(allowed, path)
    if allowance == "any":
        return
    if type(theirs) is not type(ours) and not {type(theirs), type(ours)} <= {int, float}:
        yield f"{path}: dbt has {show(theirs)}, we have {show(ours)}"
    elif isinstance(theirs, dict):
        for key in sorted(theirs.keys() - ours.keys()):
            if match(allowed, f"{path}/{key}") != "any":
                yield f"{path}/{key}: missing here; dbt has {show(theirs[key])}"
        for key in sorted(ours.keys() - theirs.keys()):
            if match(allowed, f"{path}/{key}") != "any":
                yield f"{path}/{key}: not in dbt's; we have {show(ours[key])}"
        for key in sorted(theirs.keys() & ours.keys()):
            yield from differences(theirs[key], ours[key], allowed, f"{path}/{key}")
    elif allowance == "value":
        return
    elif isinstance(theirs, list):
        if len(theirs) != len(ours):
            yield f"{path}: dbt has {show(theirs)}, we have {show(ours)}"
        else:
            for index, (one, other) in enumerate(zip(theirs, ours)):
                yield from differences(one, other, allowed, f"{path}/{index}")
    elif theirs != ours:
        yield f"{path}: dbt has {show(theirs)}, we have {show(ours)}"


def match(allowed: Mapping[str, str], path: str) -> str | None:
    """`any` where everything may differ, `value` where the type must be the same."""
    for pattern in allowed:
        parts = [re.escape(part).replace(r"\*", "[^/]*") for part in pattern.rstrip("?").split("/")]
        if re.fullmatch("/".join(parts), path):
            return "any" if pattern.endswith("?") else "value"
    return None


def show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
