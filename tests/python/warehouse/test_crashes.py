"""Servers and clients that die in the middle, and readers who must not notice a rebuild."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import headwater as hw
import pymysql
from chain import Chain
from conftest import Warehouse
from test_example import check_marts, example

# Moments after the start of a run at which something dies: while parsing, connecting, building, testing.
MOMENTS = [0.15, 0.3, 0.5, 0.8, 1.2]


def leftovers(warehouse: Warehouse) -> list[tuple[str]]:
    return warehouse.rows(
        "select table_name from information_schema.tables"
        f" where table_schema like '{warehouse.schema}%' and table_name like '%\\_\\_dbt\\_%' escape '\\'"
        if warehouse.kind == "duckdb"
        else "select table_name from information_schema.tables"
        f" where table_schema like '{warehouse.schema}%' and table_name like '%\\_\\_dbt\\_%'"
    )


def start_build(project: hw.Project) -> subprocess.Popen[bytes]:
    program = (
        f"import headwater, sys; sys.exit(not headwater.Project({project.project_dir!r}, vars={{}}).build().success)"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def with_own_variables(project: hw.Project, warehouse: Warehouse) -> None:
    """Write the schemas into the project, for runs by another process."""
    settings = Path(project.project_dir) / "dbt_project.yml"
    text = settings.read_text()
    for variable, old, new in [
        ("source_schema", "shop", f"{warehouse.schema}_shop"),
        ("warehouse_schema", "shops", warehouse.schema),
        ("staging_schema", "shops_staging", f"{warehouse.schema}_staging"),
    ]:
        text = text.replace(f"  {variable}: {old}\n", f"  {variable}: {new}\n")
    settings.write_text(text)


def test_a_client_that_is_killed_at_any_moment(warehouse: Warehouse) -> None:
    chain = Chain(f"{warehouse.schema}_shop")
    chain.load(warehouse)
    project = example(warehouse)
    with_own_variables(project, warehouse)
    for moment in MOMENTS:
        process = start_build(project)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    results = project.build()
    assert results.success, results
    check_marts(warehouse, chain)
    assert leftovers(warehouse) == []


def test_readers_never_miss_a_table(server: Warehouse) -> None:
    """Three clients read a table and an incremental model's table without a pause while both are rebuilt."""
    rows = "select 1 as n union all select 2 as n"
    project = server.project(
        {
            "models/plain.sql": f"{{{{ config(materialized='table') }}}} {rows}",
            "models/grown.sql": f"{{{{ config(materialized='incremental', unique_key='n') }}}} {rows}",
            "models/seen.sql": rows,
        }
    )
    assert project.run().success
    stop, errors, reads = threading.Event(), [], [0]

    def read() -> None:
        cursor = server.connect().cursor()
        while not stop.is_set():
            for table in ("plain", "grown", "seen"):
                try:
                    cursor.execute(f"select count(*) from {server.schema}.{table}")
                    count = cursor.fetchone()[0]
                    reads[0] += 1
                    if count != 2:
                        errors.append(f"{table} has {count} rows")
                except pymysql.Error as error:
                    errors.append(f"{table}: {error}")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for round in range(20):
            assert project.run(full_refresh=round % 2 == 0).success
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert reads[0] > 100
    assert errors == []


def test_first_runs_at_once_share_their_schemas(tmp_path: Path):
    """DuckDB's catalog does not wait for another transaction that creates the same schema: the run looks again."""
    duck = Warehouse("duckdb", tmp_path)

    def project(run: int):
        models = {f"models/r{run}_m{n}.sql": f"{{{{ config(schema='s{n}') }}}} select {n} as n" for n in range(40)}
        return duck.project(models, f"run_{run}")

    projects = [project(run) for run in range(6)]
    start = threading.Barrier(len(projects))

    def run(project):
        start.wait()
        return project.run()

    # Held open, so that all of them share one instance.
    with duckdb.connect(str(duck.path)), ThreadPoolExecutor(len(projects)) as pool:
        results = list(pool.map(run, projects))
    assert [result.success for result in results] == [True] * len(projects)
