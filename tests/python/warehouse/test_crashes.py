"""Servers and clients that die in the middle, and readers who must not notice a rebuild."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import headwater as hw
import pymysql
import pytest
from chain import Chain
from conftest import REPOSITORY, Warehouse, kinds
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


@pytest.fixture(params=[kind for kind in kinds() if kind != "duckdb"])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """A server that the test may kill; durable, unlike the others."""
    kind = request.param
    cache = Path(os.environ.get("HEADWATER_CACHE", Path.home() / ".cache" / "headwater")) / "servers" / kind
    home = tmp_path / "cache" / "servers" / kind
    home.mkdir(parents=True)
    if (cache / "unpacked").exists():
        (home / "unpacked").symlink_to(cache / "unpacked")
    warehouse = Warehouse(kind, tmp_path, start_server(kind, tmp_path))
    yield warehouse
    servers_script("stop", kind, tmp_path)
    shutil.rmtree(home)


def servers_script(action: str, kind: str, folder: Path) -> str:
    environment = {
        **os.environ,
        "HEADWATER_CACHE": str(folder / "cache"),
        "HEADWATER_SERVER_FLAGS": "--innodb-flush-log-at-trx-commit=1 --innodb-flush-method=fsync",
    }
    script = [str(REPOSITORY / "tests" / "servers.sh"), action, kind]
    return subprocess.run(script, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def start_server(kind: str, folder: Path) -> str:
    return servers_script("start", kind, folder)


def kill_server(kind: str, folder: Path) -> None:
    pid = int((folder / "cache" / "servers" / kind / "server.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)


def test_a_server_that_is_killed_at_any_moment(own_server: Warehouse) -> None:
    chain = Chain(f"{own_server.schema}_shop")
    chain.load(own_server)
    project = example(own_server)
    with_own_variables(project, own_server)
    for moment in MOMENTS:
        process = start_build(project)
        time.sleep(moment)
        kill_server(own_server.kind, own_server.folder)
        output, _ = process.communicate(timeout=60)
        assert b"panicked" not in output
        start_server(own_server.kind, own_server.folder)
    results = project.build()
    assert results.success, results
    check_marts(own_server, chain)
    assert leftovers(own_server) == []


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
