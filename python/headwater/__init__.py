"""Headwater runs dbt projects on MySQL, MariaDB and DuckDB.

A project in a notebook or a task::

    import headwater as hw

    shop = hw.Project("shop", target="dev")
    results = shop.build(select="+mart_daily_store_sales")
    results.raise_for_failures()
    frame = shop.query("select * from {{ ref('mart_daily_store_sales') }}").to_pandas()

The command line from Python, shaped like dbt's programmatic runner::

    outcome = hw.Runner().invoke(["build", "--select", "tag:daily"])
    outcome.success, outcome.result, outcome.exception
"""

from headwater._core import Event, NodeResult, RunResults, Table, __version__
from headwater.exceptions import (
    Cancelled,
    DatabaseError,
    DependencyError,
    HeadwaterError,
    ParseError,
    ProjectError,
    SelectionError,
)
from headwater.manifest import Manifest
from headwater.project import Project
from headwater.runner import Outcome, Runner

__all__ = [
    "Cancelled",
    "DatabaseError",
    "DependencyError",
    "Event",
    "HeadwaterError",
    "Manifest",
    "NodeResult",
    "Outcome",
    "ParseError",
    "Project",
    "ProjectError",
    "RunResults",
    "Runner",
    "SelectionError",
    "Table",
    "__version__",
]
