"""Runs that are stopped, and runs that are killed."""

from __future__ import annotations

import _thread
import signal
import subprocess
import sys
import threading
import time

import headwater as hw
import pytest
from conftest import Warehouse

# Minutes of work for one statement, on every database.
SLOW = {
    "duckdb": "select count(*) as n from range(100000000) a, range(100000) b where a.range + b.range = 3",
    "mariadb": "select count(*) as n from (select sleep(60)) as s",
    "mysql": "select count(*) as n from (select sleep(60)) as s",
}


def slow_project(warehouse: Warehouse) -> hw.Project:
    return warehouse.project(
        {
            "models/quick.sql": "{{ config(materialized='table') }} select 1 as n",
            "models/slow.sql": "{{ config(materialized='table') }} -- depends_on: {{ ref('quick') }}\n"
            + SLOW[warehouse.kind],
            "models/after.sql": "select n from {{ ref('slow') }}",
        }
    )


def running(warehouse: Warehouse) -> list[int]:
    """The server's connections that are busy with this test's slow statement."""
    statements = warehouse.rows("select id, info from information_schema.processlist where id <> connection_id()")
    return [number for number, info in statements if info and "sleep(60)" in info and warehouse.schema in info]


def interrupt_when_slow_runs(warehouse: Warehouse) -> threading.Thread:
    """Press Ctrl-C once the slow statement is under way."""

    def press() -> None:
        deadline = time.monotonic() + 60
        while warehouse.kind != "duckdb" and not running(warehouse) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1 if warehouse.kind == "duckdb" else 0.2)
        _thread.interrupt_main()

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_ctrl_c_cancels_on_the_server(warehouse: Warehouse) -> None:
    project = slow_project(warehouse)
    thread = interrupt_when_slow_runs(warehouse)
    with pytest.raises(hw.Cancelled) as stopped:
        project.run(threads=2)
    thread.join()
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert stopped.value.result["quick"].status == "success"
    assert stopped.value.result["after"].status == "skipped"
    assert (warehouse.folder / "shop" / "target" / "run_results.json").exists()
    if warehouse.kind != "duckdb":
        assert running(warehouse) == []
    # The project and its database are as usable as before.
    assert project.run(select="quick").success


def test_an_interrupted_statement_is_gone_within_a_second(server: Warehouse) -> None:
    project = slow_project(server)
    command = [sys.executable, "-m", "headwater", "run"]
    process = subprocess.Popen(command, cwd=project.project_dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while not running(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running(server)
    process.send_signal(signal.SIGINT)
    pressed = time.monotonic()
    while running(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    gone = time.monotonic() - pressed
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert gone < 1, f"the statement ran on for {gone:.2f} s"


def test_a_build_does_not_hold_up_those_who_write_its_source(server: Warehouse) -> None:
    """A till goes on selling while a model reads its table for seconds: no row of it is locked."""
    source = f"{server.schema}_till"
    server.rows(f"create database {source}")
    server.rows(f"create table {source}.sales (id int primary key, amount int not null)")
    rows = ", ".join(f"({number}, 1)" for number in range(1000))
    server.rows(f"insert into {source}.sales values {rows}")
    slowly = f"select id, amount, sleep(0.003) as waited from {source}.sales"
    project = server.project(
        {
            "models/copied.sql": "{{ config(materialized='table') }} " + slowly,
            "models/grown.sql": "{{ config(materialized='incremental', unique_key='id') }} " + slowly,
        }
    )
    done, waits = threading.Event(), []

    def sell() -> None:
        cursor = server.connect().cursor()
        while not done.is_set():
            started = time.monotonic()
            cursor.execute(f"update {source}.sales set amount = amount + 1 where id = {len(waits) * 37 % 1000}")
            waits.append(time.monotonic() - started)
            time.sleep(0.002)

    till = threading.Thread(target=sell)
    till.start()
    try:
        for _ in range(2):
            started = time.monotonic()
            assert project.run().success
            took = time.monotonic() - started
    finally:
        done.set()
        till.join()
    assert took > 3, "the model read slowly"
    waits.sort()
    # Held up by the build, one update would wait for seconds; a busy machine delays a few by moments.
    assert waits[len(waits) * 99 // 100] < 0.05
    assert waits[-1] < 1


def test_a_callback_that_raises_stops_the_run(warehouse: Warehouse) -> None:
    project = warehouse.project({"models/quick.sql": "select 1 as n"})

    def refuse(event: hw.Event) -> None:
        if event.info.name == "NodeStart":
            raise ValueError("not today")

    project.callbacks.append(refuse)
    with pytest.raises(ValueError, match="not today"):
        project.run()


def test_two_projects_in_two_threads(warehouse: Warehouse) -> None:
    models = {f"models/m{n}.sql": f"{{{{ config(materialized='table') }}}} select {n} as n" for n in range(8)}
    schemas = {name: f"{warehouse.schema}_{name}" for name in ("left", "right")}
    projects = {name: warehouse.project(models, name, schema=schema) for name, schema in schemas.items()}
    outcomes: dict[str, hw.RunResults] = {}

    def run(name: str) -> None:
        outcomes[name] = projects[name].run(threads=4)

    threads = [threading.Thread(target=run, args=[name]) for name in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: outcome.success for name, outcome in outcomes.items()} == {"left": True, "right": True}
    for schema in schemas.values():
        assert warehouse.rows(f"select n from {schema}.m7") == [(7,)]


def test_a_killed_run_leaves_nothing_in_the_way(warehouse: Warehouse) -> None:
    """kill -9 in the middle of a table: the next run makes it anew."""
    project = slow_project(warehouse)
    program = f"import headwater; headwater.Project({project.project_dir!r}).run()"
    process = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    manifest = warehouse.folder / "shop" / "target" / "manifest.json"
    while time.monotonic() < deadline:
        if manifest.exists() and (warehouse.kind == "duckdb" or running(warehouse)):
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    quick = {
        "models/slow.sql": "{{ config(materialized='table') }} select 2 as n",
        "models/after.sql": "select n from {{ ref('slow') }}",
    }
    if warehouse.kind != "duckdb":
        # The server goes on with a statement whose client is gone; that is not ours to stop any more.
        for number in running(warehouse):
            warehouse.rows(f"kill {number}")
    project = warehouse.project(quick)
    results = project.run()
    assert results.success, results
    assert warehouse.rows(f"select n from {warehouse.schema}.after") == [(2,)]
    left = warehouse.rows(
        f"select table_name from information_schema.tables where table_schema = '{warehouse.schema}' order by 1"
    )
    assert {name for (name,) in left} >= {"after", "slow"}
