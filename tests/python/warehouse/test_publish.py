"""How what was built comes before its readers: never missing, never behind a slow one for long."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from conftest import Warehouse

TABLE = "{{ config(materialized='table') }} select 1 as n"


def relations(warehouse: Warehouse) -> dict[str, str]:
    """What is in the test's schema, with its kind."""
    schema = warehouse.schema
    query = f"select table_name, table_type from information_schema.tables where table_schema = '{schema}'"
    return {name: kind for name, kind in warehouse.rows(query) if not name.startswith("duckdb_")}


class Reader(threading.Thread):
    """Reads a table again and again, and keeps its errors and its longest wait."""

    def __init__(self, warehouse: Warehouse, table: str) -> None:
        super().__init__(daemon=True)
        self.connection = warehouse.connect()
        self.query = f"select 1 from {warehouse.schema}.{table}"
        self.stopped = threading.Event()
        self.read = 0
        self.longest = 0.0
        self.errors: list[Exception] = []

    def run(self) -> None:
        cursor = self.connection.cursor()
        while not self.stopped.is_set():
            start = time.monotonic()
            try:
                cursor.execute(self.query)
                cursor.fetchall()
            except Exception as error:
                self.errors.append(error)
            self.read += 1
            self.longest = max(self.longest, time.monotonic() - start)
            # Others, and the build itself, need the processor as well.
            time.sleep(0.0002)
        self.connection.close()


@contextmanager
def readers(warehouse: Warehouse, table: str, count: int = 3) -> Iterator[list[Reader]]:
    threads = [Reader(warehouse, table) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.stopped.set()
        for thread in threads:
            thread.join()


@contextmanager
def slow_reader(warehouse: Warehouse, table: str) -> Iterator[Any]:
    """A transaction that has read the table and stays open; what is yielded ends it."""
    connection = warehouse.connect()
    cursor = connection.cursor()
    cursor.execute("begin")
    cursor.execute(f"select count(*) from {warehouse.schema}.{table}")
    cursor.fetchall()
    try:
        yield connection
    finally:
        connection.rollback()
        connection.close()


def test_200_rebuilds_under_hot_readers(server: Warehouse) -> None:
    """Tables, incrementals rebuilt, and views that become tables and back: nobody ever finds one missing."""
    files = {f"models/m{at}.sql": TABLE for at in range(12)}
    files |= {f"models/i{at}.sql": "{{ config(materialized='incremental') }} select 1 as n" for at in range(4)}
    files |= {f"models/v{at}.sql": "{{ config(materialized=var('kind')) }} select 1 as n" for at in range(4)}
    server.project(files, vars={"kind": "table"}).run().raise_for_failures()
    everything = [name.removeprefix("models/").removesuffix(".sql") for name in files]
    with readers(server, "m0") as hot, readers(server, "i0", 1) as hot_i, readers(server, "v0", 1) as hot_v:
        for round in range(10):
            kind = "view" if round % 2 == 0 else "table"
            project = server.project(files, vars={"kind": kind})
            results = project.run(full_refresh=True)
            assert results.success, results
            assert len(results.results) == 20
    for reader in [*hot, *hot_i, *hot_v]:
        assert reader.read > 100
        assert reader.errors == []
    assert sorted(relations(server)) == sorted(everything)


def test_a_slow_reader_keeps_nobody_waiting(server: Warehouse) -> None:
    """An open transaction holds the table for 6 s: others read on, and the swap comes at last."""
    project = server.project({"models/mart.sql": TABLE})
    project.run().raise_for_failures()
    with slow_reader(server, "mart") as slow, readers(server, "mart") as others:
        timer = threading.Timer(6, slow.rollback)
        start = time.monotonic()
        timer.start()
        results = project.run()
        took = time.monotonic() - start
        timer.join()
    assert results.success, results
    assert took >= 6
    for reader in others:
        assert reader.errors == []
        assert reader.longest <= 2
        assert reader.read > 10
    assert relations(server) == {"mart": "BASE TABLE"}


def test_no_change_of_a_live_table_keeps_readers_waiting(server: Warehouse) -> None:
    """Views replaced, columns added, types widened, hooks of one's own: all wait in turns."""
    files = {
        "models/shown.sql": "select {{ 2 if var('late') else 1 }} as n",
        "models/grown.sql": """
            {{ config(materialized='incremental', on_schema_change='append_new_columns') }}
            select {{ "'longer' as a, 2 as b" if var('late') else "'a' as a" }}
        """,
        "models/hooked.sql": """
            {{ config(materialized='incremental', post_hook=var('hook')) }}
            select 1 as n
        """,
    }
    settings = {"late": False, "hook": "select 1"}
    server.project(files, vars=settings).run().raise_for_failures()
    settings = {"late": True, "hook": "alter table {{ this }} comment = 'new'"}
    project = server.project(files, vars=settings)
    with ExitStack() as opened:
        slow = [opened.enter_context(slow_reader(server, name)) for name in ("shown", "grown", "hooked")]
        others = {name: opened.enter_context(readers(server, name, 2)) for name in ("shown", "grown", "hooked")}
        timer = threading.Timer(3.5, lambda: [reader.rollback() for reader in slow])
        timer.start()
        results = project.run()
        timer.join()
    assert results.success, results
    # Each has waited for its turn.
    assert all(result.execution_time >= 1 for result in results), results
    for name, both in others.items():
        for reader in both:
            assert reader.errors == []
            assert reader.longest <= 2, name


def test_a_swap_that_never_gets_its_turn_says_who_is_in_the_way(server: Warehouse) -> None:
    server.project({"models/mart.sql": TABLE}).run().raise_for_failures()
    profile = {"shop": {"target": "test", "outputs": {"test": server.output | {"ddl_patience": 2}}}}
    files = {"models/mart.sql": TABLE.replace("1 as n", "2 as n"), "profiles.yml": json.dumps(profile)}
    project = server.project(files)
    with slow_reader(server, "mart") as slow:
        number = slow.thread_id()
        results = project.run()
        told = results["mart"].explain()
        assert results["mart"].status == "error"
        assert "other sessions held a table" in told
        assert f"session {number}" in told
        assert "ddl_patience" in told
        assert server.rows(f"select n from {server.schema}.mart") == [(1,)]
        # Nothing is left over, and the sessions wait as long as ever.
        assert relations(server) == {"mart": "BASE TABLE"}
    assert project.run().success
    assert server.rows(f"select n from {server.schema}.mart") == [(2,)]


def test_other_statements_wait_as_long_as_the_target_says(server: Warehouse) -> None:
    """The short turns are for the swap only."""
    hook = "create table {{ target.schema }}.waits as select @@session.lock_wait_timeout as seconds"
    model = "{{ config(materialized='table', post_hook=\"" + hook + '") }} select 1 as n'
    server.project({"models/mart.sql": model}).run().raise_for_failures()
    assert server.rows(f"select seconds from {server.schema}.waits") == [(60,)]
