"""The command line, called from Python."""

from __future__ import annotations

from headwater._core import Session
from headwater.arguments import command_line
from headwater.exceptions import Cancelled, HeadwaterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from headwater._core import Event


class Outcome:
    """How an invocation ended.

    `success`, `result` and `exception` are those of dbt's runner. The result is what the command gave: RunResults
    (build, run, test …), a list of names (ls), a Table (show), or None. The exception is what ended it early; failed
    nodes are no exception but in the result. `exit_code` is the command line's: 0, 1 (something failed) or 2 (the
    command could not be run).
    """

    __slots__ = ("exception", "exit_code", "result", "success")

    def __init__(self, exit_code: int, result: Any = None, exception: BaseException | None = None) -> None:
        self.success = exit_code == 0
        self.result = result
        self.exception = exception
        self.exit_code = exit_code

    def __repr__(self) -> str:
        return f"Outcome(success={self.success}, result={self.result!r}, exception={self.exception!r})"


class Runner:
    """Runs commands in this process, shaped like dbt's programmatic runner. Runners work side by side in threads.

    `callbacks` are called with every :class:`~headwater.Event`, on the calling thread.
    """

    def __init__(self, callbacks: Iterable[Callable[[Event], object]] = (), connection: Any = None) -> None:
        self.callbacks = list(callbacks)
        self._session = Session(connection)

    def invoke(self, args: Iterable[str], **options: Any) -> Outcome:
        """Run a command as the command line would; `options` are flags by name (``full_refresh=True``).

        Never raises for what goes wrong in the project, the database or a callback: that is in the outcome. Ctrl-C
        cancels the run and is raised as :class:`~headwater.Cancelled`.
        """
        argv = command_line(args, options)
        try:
            exit_code, result = self._session.invoke(argv, self.callbacks, True)
        except Cancelled:
            raise
        except HeadwaterError as error:
            return Outcome(2, error.result, error)
        except Exception as error:  # of a callback: the run was cancelled, as in dbt
            return Outcome(2, None, error)
        return Outcome(exit_code, result)
