"""A dbt project, in Python."""

from __future__ import annotations

import os

from headwater._core import RunResults, Session
from headwater.arguments import command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Union

    from headwater._core import Event, Table
    from headwater.arguments import Selection

    Path = Union[str, os.PathLike[str]]


class Project:
    """A dbt project with the settings that its commands share.

    Each command reads the project's files anew, so edits between two calls count. Commands return their results, failed
    nodes among them; problems that stop the command (a broken reference, no connection) are raised as
    :class:`~headwater.HeadwaterError`. Ctrl-C and the notebook's stop button cancel the running statements on the
    server and raise :class:`~headwater.Cancelled`. Projects work side by side in threads.

    Every flag of the command line can be given to a command by name: ``project.build(store_failures=True)``.
    """

    def __init__(
        self,
        project_dir: Path = ".",
        *,
        profiles_dir: Path | None = None,
        profile: str | None = None,
        target: str | None = None,
        vars: Mapping[str, Any] | None = None,
        threads: int | None = None,
        connection: Any = None,
        callbacks: Iterable[Callable[[Event], object]] = (),
    ) -> None:
        """Name the project; nothing is read yet.

        `connection` is an open DuckDB connection on the profile's database, to be used instead of a new one.
        `callbacks` are called with every :class:`~headwater.Event`, on the thread that called the command.
        """
        self.project_dir = os.path.abspath(project_dir)
        self.vars = dict(vars or {})
        self.callbacks = list(callbacks)
        self._options: dict[str, Any] = {
            "project_dir": self.project_dir,
            "profiles_dir": profiles_dir,
            "profile": profile,
            "target": target,
        }
        self._threads = threads
        self._session = Session(connection)

    def __repr__(self) -> str:
        target = self._options["target"]
        return f"Project({self.project_dir!r}" + (f", target={target!r})" if target else ")")

    def build(self, select: Selection | None = None, exclude: Selection | None = None, **options: Any) -> RunResults:
        """Seeds, models, snapshots and tests in the order of the DAG; what failed holds back what needs it."""
        return self._run("build", select, exclude, options)

    def run(self, select: Selection | None = None, exclude: Selection | None = None, **options: Any) -> RunResults:
        """Models only."""
        return self._run("run", select, exclude, options)

    def test(self, select: Selection | None = None, exclude: Selection | None = None, **options: Any) -> RunResults:
        """Data tests and unit tests."""
        return self._run("test", select, exclude, options)

    def seed(self, select: Selection | None = None, exclude: Selection | None = None, **options: Any) -> RunResults:
        """Load the CSV files."""
        return self._run("seed", select, exclude, options)

    def snapshot(self, select: Selection | None = None, exclude: Selection | None = None, **options: Any) -> RunResults:
        """Take snapshots."""
        return self._run("snapshot", select, exclude, options)

    def compile(self, select: Selection | None = None, exclude: Selection | None = None, **options: Any) -> RunResults:
        """Render to SQL without running it; each result has its ``compiled_code``."""
        return self._run("compile", select, exclude, options)

    def source_freshness(
        self, select: Selection | None = None, exclude: Selection | None = None, **options: Any
    ) -> RunResults:
        """How old the sources are."""
        options = {"select": select, "exclude": exclude, **options}
        results: RunResults = self._invoke(["source", "freshness"], options)
        return results

    def run_operation(self, macro: str, args: Mapping[str, Any] | None = None, **options: Any) -> RunResults:
        """Run a macro by itself."""
        results: RunResults = self._invoke(["run-operation", macro], {"args": args, **options})
        return results

    def clone(
        self, select: Selection | None = None, exclude: Selection | None = None, *, state: str, **options: Any
    ) -> RunResults:
        """Give this target the relations of another place, whose artifacts are in the folder ``state``."""
        return self._run("clone", select, exclude, {"state": state, **options})

    def ls(self, select: Selection | None = None, exclude: Selection | None = None, **options: Any) -> list[str]:
        """List the selected resources, as ``headwater ls`` prints them."""
        result: list[str] = self._invoke(["ls"], {"select": select, "exclude": exclude, **options})
        return result

    def show(self, select: Selection | None = None, *, limit: int = 5, **options: Any) -> Table:
        """Preview the rows of one model, or of ``inline="select …"``. A limit of -1 shows all."""
        table: Table = self._table({"select": select, "limit": limit, **options})
        return table

    def query(self, sql: str, **options: Any) -> Table:
        """Run a query of your own, with ``{{ ref() }}`` and all of the project's Jinja, and give all its rows."""
        table: Table = self._table({"inline": sql, "limit": -1, **options})
        return table

    def docs_generate(
        self, select: Selection | None = None, exclude: Selection | None = None, **options: Any
    ) -> dict[str, Any]:
        """Write ``target/index.html`` and ``target/catalog.json``; gives the catalog's ``nodes`` and ``sources``.

        When something does not compile nothing is written, and the error is raised.
        """
        options = {"select": select, "exclude": exclude, "threads": self._threads, **options}
        result: Any = self._invoke(["docs", "generate"], options)
        if not isinstance(result, dict):
            result.raise_for_failures()
        catalog: dict[str, Any] = result
        return catalog

    def deps(self, **options: Any) -> None:
        """Install the packages of packages.yml."""
        self._invoke(["deps"], options)

    def _table(self, options: dict[str, Any]) -> Any:
        shown = self._invoke(["show"], options)
        if not isinstance(shown, RunResults):
            return shown
        return shown[0].agate_table if len(shown) else None

    def _run(
        self, command: str, select: Selection | None, exclude: Selection | None, options: dict[str, Any]
    ) -> RunResults:
        options = {"select": select, "exclude": exclude, "threads": self._threads, **options}
        results: RunResults = self._invoke([command], options)
        return results

    def _invoke(self, command: list[str], options: dict[str, Any]) -> Any:
        variables = {**self.vars, **(options.pop("vars", None) or {})}
        options = {**self._options, "vars": variables or None, **options}
        return self._session.invoke(command_line(command, options), self.callbacks, False)[1]
