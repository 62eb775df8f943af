"""The command line, called from Python."""

from __future__ import annotations

from headwater._core import ParsedProject, Session
from headwater.arguments import command_line
from headwater.exceptions import Cancelled, HeadwaterError
from headwater.manifest import Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from headwater._core import Event


class Outcome:
    """How an invocation ended.

    `success`, `result` and `exception` are those of dbt's runner. The result is what the command gave: RunResults
    (build, run, test, compile, show …), a Manifest (parse), a list of names (ls), the catalog (docs generate), whether
    all is well (debug), or None. Each result of `show` has its rows in ``agate_table``, a Table. The exception is what
    ended it early; failed nodes are no exception but in the result. `exit_code` is the command line's: 0, 1 (something
    failed) or 2 (the command could not be run).
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

    `manifest` is what an earlier `parse` gave: commands use it as it is, whatever has changed in the project since, and
    parse nothing. `callbacks` are called with every :class:`~headwater.Event`, on the calling thread. `connection` is
    an open DuckDB connection on the profile's database, to be used instead of a new one.
    """

    def __init__(
        self,
        manifest: Manifest | None = None,
        callbacks: Iterable[Callable[[Event], object]] | None = None,
        connection: Any = None,
    ) -> None:
        self.manifest = manifest
        self.callbacks = list(callbacks or ())
        self._session = Session(connection)

    def invoke(self, args: Iterable[str], **options: Any) -> Outcome:
        """Run a command as the command line would; `options` are flags by name (``full_refresh=True``).

        Never raises for what goes wrong in the project, the database or a callback: that is in the outcome. Ctrl-C
        cancels the run and is raised as :class:`~headwater.Cancelled`.
        """
        argv = command_line(args, options)
        try:
            parsed = None if self.manifest is None else self.manifest.parsed
            exit_code, result = self._session.invoke(argv, self.callbacks, True, parsed)
        except Cancelled:
            raise
        except HeadwaterError as error:
            return Outcome(2, error.result, error)
        except Exception as error:  # of a callback: the run was cancelled, as in dbt
            return Outcome(2, None, error)
        if isinstance(result, ParsedProject):
            result = Manifest(result)
        return Outcome(exit_code, result)
