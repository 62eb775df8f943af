"""The command line, called from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from headwater._core import Event, Session
from headwater.arguments import command_line
from headwater.exceptions import Cancelled, HeadwaterError


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended."""

    success: bool
    #: What the command gave: RunResults (build, run, test …), a list of names (ls), a Table (show), or None.
    result: Any = None
    #: The exception that ended it early. Failed nodes are no exception: they are in the result.
    exception: BaseException | None = None
    #: 0, 1 (nodes failed) or 2 (the command could not be run), as on the command line.
    exit_code: int = 0


class Runner:
    """Runs commands in this process, shaped like dbt's programmatic runner. Runners work side by side in threads.

    `callbacks` are called with every :class:`~headwater.Event`, on the calling thread.
    """

    def __init__(self, callbacks: Iterable[Callable[[Event], object]] = (), connection: Any = None) -> None:
        self.callbacks = list(callbacks)
        self._session = Session(connection)

    def invoke(self, args: Iterable[str], **options: Any) -> Outcome:
        """Run a command as the command line would; `options` are flags by name (``full_refresh=True``).

        Never raises for what goes wrong in the project or the database: that is in the outcome. Ctrl-C cancels the
        run and is raised as :class:`~headwater.Cancelled`.
        """
        argv = command_line(args, options)
        try:
            exit_code, result = self._session.invoke(argv, self.callbacks, True)
        except Cancelled:
            raise
        except HeadwaterError as error:
            return Outcome(False, error.result, error, 2)
        return Outcome(exit_code == 0, result, None, exit_code)
