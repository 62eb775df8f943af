"""Databases for the tests: DuckDB in a file, MariaDB and MySQL on the servers that `make servers` starts."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import headwater as hw
import pymysql
import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "retail"
#: The browser that shows the documentation, where this machine has one.
BROWSERS = [found for found in map(shutil.which, ["chromium", "google-chrome", "chromium-browser"]) if found][:1]
SERVERS = {"mariadb": "HEADWATER_TEST_MARIADB", "mysql": "HEADWATER_TEST_MYSQL"}


@dataclass
class Warehouse:
    """One database under test, with schemas of its own."""

    kind: str
    folder: Path
    url: str = ""
    schema: str = field(default_factory=lambda: f"hw_{uuid.uuid4().hex[:8]}")

    @property
    def path(self) -> Path:
        """DuckDB's file."""
        return self.folder / "warehouse.duckdb"

    @property
    def address(self) -> dict[str, Any]:
        """Host, port, user and socket of a server."""
        parts = urlsplit(self.url)
        socket = parse_qs(parts.query).get("socket", [""])[0]
        return {"host": parts.hostname, "port": parts.port, "user": parts.username, "unix_socket": socket}

    @property
    def output(self) -> dict[str, Any]:
        """The target of profiles.yml."""
        if self.kind == "duckdb":
            return {"type": "duckdb", "path": str(self.path), "schema": self.schema, "threads": 4}
        address = self.address
        return {
            "type": self.kind,
            "unix_socket": address["unix_socket"],
            "username": address["user"],
            "password": "",
            "schema": self.schema,
            "charset": "utf8mb4",
            "collation": "utf8mb4_general_ci",
            "threads": 4,
        }

    def connect(self) -> Any:
        """A plain client."""
        if self.kind == "duckdb":
            return duckdb.connect(str(self.path))
        address = self.address
        return pymysql.connect(user=address["user"], unix_socket=address["unix_socket"], autocommit=True)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement with the plain client."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())
        finally:
            connection.close()

    @contextmanager
    def reading(self, query: str) -> Iterator[set[Any]]:
        """The different values that a client gets who asks again and again."""
        values: set[Any] = set()
        stop = threading.Event()

        def read() -> None:
            connection = self.connect()
            cursor = connection.cursor()
            while not stop.is_set():
                cursor.execute(query)
                values.add(cursor.fetchone()[0])
            connection.close()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield values
        finally:
            stop.set()
            reader.join()

    def drop(self) -> None:
        """Remove every schema of this test."""
        if self.kind == "duckdb":
            return
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(
                "select concat('database `', schema_name, '`') from information_schema.schemata"
                f" where schema_name like '{self.schema}%'"
                " union all select concat('table if exists headwater.`', table_name, '`')"
                f" from information_schema.tables where table_schema = 'headwater' and table_name like '{self.schema}%'"
            )
            for (what,) in list(cursor.fetchall()):
                cursor.execute(f"drop {what}")
        finally:
            connection.close()

    def project(
        self, files: dict[str, str], name: str = "shop", schema: str | None = None, **settings: Any
    ) -> hw.Project:
        """Write a project with a profile for this database, and for the test's schema unless another is given."""
        output = self.output | ({"schema": schema} if schema else {})
        return hw.Project(write_project(self.folder / name, files, output, name), **settings)


def write_project(folder: Path, files: dict[str, str], output: dict[str, Any], name: str = "shop") -> Path:
    """Write the files of a project; dbt_project.yml and profiles.yml are added where they are not given."""
    profile = {name: {"target": "test", "outputs": {"test": output}}}
    files = {
        "dbt_project.yml": f"name: {name}\nversion: '1.0'\nprofile: {name}\n",
        "profiles.yml": json.dumps(profile),
        **files,
    }
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))
    return folder


def kinds() -> list[str]:
    """The databases to test. `none` says that a server cannot be had here; `make test` then says so at its end."""
    return ["duckdb", *(kind for kind, variable in SERVERS.items() if os.environ.get(variable) != "none")]


def open_warehouse(kind: str, folder: Path) -> Warehouse:
    url = os.environ.get(SERVERS[kind], "") if kind in SERVERS else ""
    if kind in SERVERS and not url:
        pytest.fail(f"no {kind}: {SERVERS[kind]} is not set; `make test` starts the servers")
    return Warehouse(kind, folder, url)


@pytest.fixture(params=kinds())
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """Each test with it runs once on every database."""
    opened = open_warehouse(request.param, tmp_path)
    yield opened
    opened.drop()


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    """DuckDB alone, for what does not depend on the database."""
    return Warehouse("duckdb", tmp_path)


@pytest.fixture(params=[kind for kind in kinds() if kind != "duckdb"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """The servers alone, for what other connections see."""
    opened = open_warehouse(request.param, tmp_path)
    yield opened
    opened.drop()


def pytest_report_header() -> list[str]:
    """Say at once which databases are tested."""
    missing = [kind for kind, variable in SERVERS.items() if os.environ.get(variable) == "none"]
    databases = f"databases: {', '.join(kinds())}" + (f" (NOT TESTED: {', '.join(missing)})" if missing else "")
    return [databases, f"browser: {BROWSERS[0] if BROWSERS else 'none (NOT TESTED: the page in a browser)'}"]
