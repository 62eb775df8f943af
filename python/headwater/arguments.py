"""Keyword arguments as a command line: one parser, in Rust, reads both."""

from __future__ import annotations

import os

# typing, dataclasses and json cost more than all of Headwater's own import: modules of this package do without them.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Union

    #: What selectors are given as: `"tag:daily +orders"` or `["tag:daily", "+orders"]`.
    Selection = Union[str, Iterable[str]]


def command_line(command: Iterable[str], options: Mapping[str, Any]) -> list[str]:
    """Translate options by name: ``full_refresh=True`` is ``--full-refresh``, None is left out, dicts become JSON."""
    argv = list(command)
    for name, value in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        if value is None:
            continue
        if value is True:
            argv.append(flag)
        elif value is False:
            argv.append("--no-" + flag[2:])
        elif isinstance(value, dict):
            import json

            argv += [flag, json.dumps(value, default=str)]
        elif hasattr(value, "isoformat"):
            argv += [flag, value.isoformat()]
        elif isinstance(value, (str, int, float, os.PathLike)):
            argv += [flag, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
        else:
            argv += [flag, *map(str, value)]
    return argv
