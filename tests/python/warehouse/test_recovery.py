"""Connections that are cut at every statement of every kind of build, and clients that are killed there."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import headwater as hw
import pymysql
import pytest
from conftest import Warehouse, write_project
from proxy import Cut, Plan, Proxy
from test_crashes import leftovers

KINDS = {
    "table": {"models/m.sql": "{{ config(materialized='table') }} select * from {{ var('raw') }}.src"},
    "append": {
        "models/m.sql": """
            {{ config(materialized='incremental', incremental_strategy='append') }} select * from {{ var('raw') }}.src
            {% if is_incremental() %}where updated_at > (select max(updated_at) from {{ this }}){% endif %}
        """
    },
    "keyed": {
        "models/m.sql": """
            {{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id') }}
            select * from {{ var('raw') }}.src
            {% if is_incremental() %}where updated_at > (select max(updated_at) from {{ this }}){% endif %}
        """
    },
    "snapshot": {
        "snapshots/m.yml": "snapshots: [{name: m, relation: \"source('raw', 'src')\", "
        "config: {unique_key: id, strategy: timestamp, updated_at: updated_at}}]",
        "models/raw.yml": "sources: [{name: raw, schema: \"{{ var('raw') }}\", tables: [{name: src}]}]",
    },
    "microbatch": {
        "models/raw.yml": "sources: [{name: raw, schema: \"{{ var('raw') }}\", "
        "tables: [{name: src, config: {event_time: happened_at}}]}]",
        "models/m.sql": """
            {{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened_at',
                      batch_size='day', begin='2024-01-01') }} select * from {{ source('raw', 'src') }}
        """,
    },
    "seed": {"seeds/m.csv": "id,name\n1,one\n2,two\n"},
}
DAYS = {"event_time_start": "2024-01-01", "event_time_end": "2024-01-03"}
Row = tuple[int, int, dt.datetime, dt.datetime]


class World:
    """A source that changes step by step, and what each kind of model must then hold."""

    def __init__(self, warehouse: Warehouse, kind: str) -> None:
        self.warehouse, self.kind, self.steps = warehouse, kind, 0
        self.connection: Any = None
        self.raw = f"{warehouse.schema}_raw"
        self.rows: dict[int, Row] = {}
        self.history: list[Row] = []
        self.query(f"create database {self.raw}")
        self.query(
            f"create table {self.raw}.src (id int, amount int, happened_at datetime, updated_at datetime) engine=InnoDB"
        )
        for _ in range(3):
            self.step()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Over a connection of its own, which a server that is killed takes with it."""
        try:
            return self._query(sql)
        except pymysql.err.OperationalError:
            self.connection = None
            return self._query(sql)

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        self.connection = self.connection or self.warehouse.connect()
        cursor = self.connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())

    def step(self) -> None:
        """One new row, and one that changes."""
        self.steps += 1
        number, now = self.steps, dt.datetime(2024, 6, 1) + dt.timedelta(seconds=self.steps)
        changed = [(number, number, dt.datetime(2024, 1, 1 + number % 2, 5), now)]
        if old := self.rows.get(number - 2):
            changed.append((old[0], old[1] + 100, old[2], now))
        for row in changed:
            self.rows[row[0]] = row
            self.query(f"delete from {self.raw}.src where id = {row[0]}")
            self.query(f"insert into {self.raw}.src values ({row[0]}, {row[1]}, '{row[2]}', '{row[3]}')")
        self.history += changed

    def forget(self) -> None:
        """Start anew, as if there had never been a run."""
        self.query(f"drop table if exists {self.warehouse.schema}.m")
        self.history = list(self.rows.values())

    def expected(self) -> list[Any]:
        if self.kind == "seed":
            return [(1, "one"), (2, "two")]
        return sorted(self.history if self.kind in ("append", "snapshot") else self.rows.values())

    def built(self) -> list[Any]:
        columns = "id, name" if self.kind == "seed" else "id, amount, happened_at, updated_at"
        return sorted(self.query(f"select {columns} from {self.warehouse.schema}.m"))

    def problems(self) -> list[str]:
        """What is wrong with what is there."""
        found = []
        if self.built() != self.expected():
            found.append(f"rows: {self.built()} instead of {self.expected()}")
        if self.kind == "snapshot":
            (count,) = self.query(f"select count(*) from {self.warehouse.schema}.m where dbt_valid_to is null")[0]
            if count != len(self.rows):
                found.append(f"{count} open versions of {len(self.rows)} rows")
        if left := leftovers(self.warehouse):
            found.append(f"left over: {left}")
        return found


@pytest.fixture
def proxy(server: Warehouse) -> Iterator[Proxy]:
    opened = Proxy(server.address["unix_socket"])
    yield opened
    opened.close()


def project(warehouse: Warehouse, proxy: Proxy, kind: str, **entries: Any) -> Path:
    output = {**warehouse.output, "unix_socket": proxy.path, "ssl_disabled": True, "threads": 1, **entries}
    settings = json.dumps(
        {"name": "shop", "version": "1.0", "profile": "shop", "vars": {"raw": f"{warehouse.schema}_raw"}}
    )
    return write_project(warehouse.folder / f"shop_{kind}", {"dbt_project.yml": settings, **KINDS[kind]}, output)


def options(kind: str) -> dict[str, Any]:
    return DAYS if kind == "microbatch" else {}


def build(folder: Path, kind: str) -> str:
    """What went wrong."""
    try:
        results = hw.Project(folder).build(**options(kind))
    except hw.HeadwaterError as problem:
        return str(problem)
    found = [result.explain() for result in results if result.status not in ("success", "pass")]
    return "\n".join(found) or ("" if results.success else "it failed without a reason")


def any_statement(_: str) -> bool:
    return True


def of_the_node(statement: str) -> bool:
    return '"node_id"' in statement


def changes_something(statement: str) -> bool:
    return of_the_node(statement) and "\nselect" not in statement.split("*/")[1][:20]


#: By kind: whether there is no table yet, what becomes of the statement, and which statements. What comes before and
#: after the nodes is the same for all kinds.
AFTER_EACH = (False, Cut.AFTER, of_the_node)
DURING_CHANGES = (False, Cut.DURING, changes_something)
FIRST = (True, Cut.AFTER, changes_something)
ROUNDS = {
    "table": [FIRST, (False, Cut.AFTER, any_statement)],
    "append": [AFTER_EACH, DURING_CHANGES],
    "keyed": [AFTER_EACH, DURING_CHANGES],
    "snapshot": [FIRST, AFTER_EACH, DURING_CHANGES],
    "microbatch": [FIRST, AFTER_EACH, DURING_CHANGES],
    "seed": [AFTER_EACH],
}


def worth_cutting(statements: list[str]) -> list[int]:
    """Of statements of nodes those that change something, and each question once between two of them."""
    chosen, asked = [], set()
    for at, statement in enumerate(statements):
        if changes_something(statement):
            asked.clear()
        elif statement in asked:
            continue
        asked.add(statement)
        chosen.append(at)
    return chosen


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_is_cut_at_every_statement(server: Warehouse, proxy: Proxy, kind: str) -> None:
    """The run recovers by itself, and nothing is lost, doubled or left over."""
    world = World(server, kind)
    folder = project(server, proxy, kind)
    problems: list[str] = []
    world.forget()
    assert not build(folder, kind)
    for first, cut, matches in ROUNDS[kind]:
        if first:
            world.forget()
        proxy.expect(None)
        assert not build(folder, kind)
        met = [statement for statement in proxy.statements if matches(statement)]
        for at in range(len(met)) if matches is any_statement else worth_cutting(met):
            world.step()
            if first:
                world.forget()
            plan = Plan(at, cut, matches)
            proxy.expect(plan)
            failed = build(folder, kind)
            assert plan.seen > at
            where = f"first={first} {cut} at {at}: {met[at]!r}"
            if failed:
                problems.append(f"{where}: {failed}")
                proxy.expect(None)
                assert not build(folder, kind)
            problems += [f"{where}: {problem}" for problem in world.problems()]
    assert problems == [], "\n".join(problems)


@pytest.mark.parametrize("kind", ["append", "snapshot", "seed"])
def test_a_connection_that_is_cut_at_a_grant(
    server: Warehouse, proxy: Proxy, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant commits what is open, so it comes before the rows; it is sent again, and neither is lost nor doubled."""
    world = World(server, kind)
    people = [f"{server.schema}_{name}" for name in ("ann", "bob")]
    server.rows("create user " + ", ".join(f"'{name}'" for name in people))
    folder = project(server, proxy, kind)
    settings = json.loads((folder / "dbt_project.yml").read_text())
    resources = {"append": "models", "snapshot": "snapshots", "seed": "seeds"}[kind]
    config = {resources: {"shop": {"+grants": {"select": ["{{ env_var('HW_TEST_GRANTEE') }}"]}}}}
    (folder / "dbt_project.yml").write_text(json.dumps(settings | config))
    granted = (
        "select replace(grantee, '''', '') from information_schema.table_privileges"
        f" where table_schema = '{server.schema}' and table_name = 'm'"
    )
    try:
        for number, cut in enumerate([None, *((at, cut) for at in (0, 1) for cut in (Cut.AFTER, Cut.DURING))]):
            name = people[number % 2]
            monkeypatch.setenv("HW_TEST_GRANTEE", name)
            world.step()
            if cut is None:
                world.forget()
            plan = Plan(*cut, grants) if cut else None
            proxy.expect(plan)
            assert not build(folder, kind)
            assert world.problems() == []
            assert server.rows(granted) == [(f"{name}@%",)]
            if plan is not None:
                assert plan.seen > plan.at
                begun = [at for at, statement in enumerate(proxy.statements) if statement.endswith("*/\nbegin")]
                assert max(at for at, statement in enumerate(proxy.statements) if grants(statement)) < begun[-1]
    finally:
        server.rows("drop user " + ", ".join(f"'{name}'" for name in people))


def grants(statement: str) -> bool:
    return of_the_node(statement) and statement.split("*/")[1].strip().startswith(("grant ", "revoke "))


@pytest.mark.parametrize("kind", ["table", "append", "snapshot", "microbatch"])
def test_a_client_that_is_killed_at_every_statement_that_changes_something(
    server: Warehouse, proxy: Proxy, kind: str
) -> None:
    world = World(server, kind)
    folder = project(server, proxy, kind)
    world.forget()
    assert not build(folder, kind)
    program = f"import headwater; headwater.Project({str(folder)!r}).build(**{options(kind)!r})"
    problems: list[str] = []
    for at in range(100):
        world.step()
        plan = Plan(at, Cut.HOLD, changes_something)
        proxy.expect(plan)
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while process.poll() is None and not plan.answered.wait(0.01):
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
        proxy.expect(None)
        problems += filter(None, [build(folder, kind)])
        problems += [f"{at}: {problem}" for problem in world.problems()]
        if plan.seen <= at:
            break
    assert at >= 3
    assert problems == [], "\n".join(problems)


def sleeping(server: Warehouse) -> list[tuple[Any, ...]]:
    """The server's connections that are busy with a statement of this test."""
    statements = server.rows("select id, info from information_schema.processlist where id <> connection_id()")
    return [(number, info) for number, info in statements if info and "sleep(" in info and server.schema in info]


def test_what_a_killed_run_leaves_is_cleared_though_its_model_is_gone(server: Warehouse) -> None:
    slow = {
        "models/slow.sql": "{{ config(materialized='table') }} select count(*) as n from (select sleep(50)) as s",
        "models/kept.sql": "{{ config(materialized='table') }} select 1 as n",
    }
    first = server.project(slow)
    first.run(select="kept").raise_for_failures()
    program = f"import headwater; headwater.Project({str(first.project_dir)!r}).run()"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None and not sleeping(server):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # The server goes on with the statement of a client that is gone.
    assert sleeping(server)
    # As a swap in two steps would leave it.
    server.rows(f"create table {server.schema}.slow__dbt_backup as select 7 as n")
    other = server.project({"models/other.sql": "{{ config(materialized='table') }} select 2 as n"}, "other")
    other.run().raise_for_failures()
    assert sleeping(server) == []
    assert server.rows(f"select n from {server.schema}.slow") == [(7,)]
    assert leftovers(server) == []


def test_two_runs_at_once_build_one_table_after_the_other(server: Warehouse) -> None:
    model = """
        {{ config(materialized='incremental', incremental_strategy='append') }}
        select 1 as n from (select sleep(0.5)) as s
    """
    projects = [server.project({"models/grown.sql": model}, name) for name in ("left", "right")]
    told: list[str] = []
    for one in projects:
        one.callbacks.append(lambda event: told.append(event.info.msg))
    rounds = 2
    for _ in range(rounds):
        with ThreadPoolExecutor(len(projects)) as pool:
            for results in pool.map(lambda one: one.run(), projects):
                results.raise_for_failures()
    # Each run adds a row; none is lost or doubled, though the first two both began before there was a table.
    assert server.rows(f"select count(*) from {server.schema}.grown") == [(rounds * len(projects),)]
    assert f"process {os.getpid()}" in told_to_wait(told)[0]
    assert leftovers(server) == []


BATCHES = {
    "models/raw.yml": "sources: [{name: raw, schema: \"{{ var('raw') }}\", "
    "tables: [{name: src, config: {event_time: happened_at}}]}]",
    # The first day takes its time.
    "models/m.sql": """
        {{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened_at',
                  batch_size='day', begin='2024-01-01') }}
        select src.* from {{ source('raw', 'src') }} as src
        {% if model.batch and model.batch.id == '20240101' and var('seconds', 0) %}
        join (select sleep({{ var('seconds') }}) as waited) as slow on true
        {% endif %}
    """,
}
EARLY = {"event_time_start": "2024-01-01", "event_time_end": "2024-01-03"}
LATE = {"event_time_start": "2024-01-03", "event_time_end": "2024-01-05"}


@pytest.mark.parametrize("how", ["first build", "full refresh", "killed"])
def test_two_runs_of_one_microbatch_model(server: Warehouse, how: str) -> None:
    """A run that replaces the table under the batches of another one would lose them: so the second waits, for as long
    as the first is alive."""
    raw = f"{server.schema}_raw"
    server.rows(f"create database {raw}")
    server.rows(f"create table {raw}.src (id int, happened_at datetime) engine=InnoDB")
    server.rows(f"insert into {raw}.src values " + ", ".join(f"({day}, '2024-01-0{day} 05:00')" for day in range(1, 5)))
    late = server.project(BATCHES, "late", vars={"raw": raw})
    told: list[str] = []
    late.callbacks.append(lambda event: told.append(event.info.msg))
    if how != "first build":
        late.run(**EARLY).raise_for_failures()
    seconds = 50 if how == "killed" else 1.5
    early = server.project(BATCHES, "early", vars={"raw": raw, "seconds": seconds})
    options = {**EARLY, "full_refresh": how != "first build", "vars": {"raw": raw, "seconds": seconds}}
    program = f"import headwater; headwater.Project({str(early.project_dir)!r}).run(**{options!r}).raise_for_failures()"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None and not sleeping(server):
        time.sleep(0.02)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(late.run, **LATE)
        while not second.done() and not told_to_wait(told):
            time.sleep(0.02)
        if how == "killed":
            process.send_signal(signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
        second.result(timeout=30).raise_for_failures()
    assert how == "killed" or process.returncode == 0, output.decode()
    (waited,) = told_to_wait(told)
    assert waited.startswith(f"Waiting for {server.schema}.m: it is being built by run ")
    assert f"process {process.pid}" in waited
    assert server.rows(f"select id from {server.schema}.m order by id") == [(day,) for day in range(1, 5)]
    assert sleeping(server) == []
    assert leftovers(server) == []


def told_to_wait(told: list[str]) -> list[str]:
    return [text for text in told if text.startswith("Waiting for ")]


def test_the_wait_for_another_run_has_an_end(server: Warehouse) -> None:
    slow = {"models/m.sql": "{{ config(materialized='table') }} select count(*) as n from (select sleep(50)) as s"}
    first = server.project(slow, "first")
    folder = server.folder / "second"
    second = hw.Project(write_project(folder, slow, {**server.output, "run_patience": 1}, "second"))
    program = f"import headwater; headwater.Project({str(first.project_dir)!r}).run()"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None and not sleeping(server):
        time.sleep(0.02)
    results = second.run()
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert (results["m"].status, results.success) == ("error", False)
    told = results["m"].explain()
    assert f"`{server.schema}.m` is being built by run " in told
    assert f"process {process.pid}" in told
    assert "`run_patience` of the target" in told
