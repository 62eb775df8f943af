"""What Headwater raises.

Every exception carries the same problems three times: ``str(error)`` is the text that the command line prints,
``error.diagnostics`` the list of problems as dicts (``code``, ``message``, ``file``, ``line``, ``column`` …), and
``error.result`` what was done before, where anything was (a :class:`~headwater.RunResults`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class HeadwaterError(Exception):
    """Any problem that Headwater reports; raised itself for wrong command lines and bugs of ours."""

    def __init__(self, text: str, diagnostics: list[dict[str, Any]] | None = None, result: Any = None) -> None:
        super().__init__(text)
        self.diagnostics: list[dict[str, Any]] = diagnostics or []
        self.result = result

    @property
    def code(self) -> str | None:
        """The stable name of the first problem: ``ref-not-found``."""
        return self.diagnostics[0]["code"] if self.diagnostics else None


class ProjectError(HeadwaterError):
    """The project's settings: no project, no profile, a wrong key in dbt_project.yml or profiles.yml."""


class ParseError(HeadwaterError):
    """The project's files: Jinja, YAML, references that lead nowhere, cycles, missing variables."""


class DependencyError(HeadwaterError):
    """A package cannot be had, or is not installed."""


class SelectionError(HeadwaterError):
    """A selector that cannot be understood."""


class DatabaseError(HeadwaterError):
    """The database said no, or did not answer. ``error.result`` has the nodes that ran."""


class Cancelled(HeadwaterError, KeyboardInterrupt):
    """The run was stopped: running statements were cancelled on the server and results written.

    It is a :class:`KeyboardInterrupt` too, so that code which waits for Ctrl-C or the notebook's stop button keeps
    working, and a :class:`HeadwaterError`, so that ``error.result`` has the nodes that had finished.
    """
