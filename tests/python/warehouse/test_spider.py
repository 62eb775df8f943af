"""Models on a MariaDB Spider cluster: a head and two data nodes, which `tests/servers.sh` starts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from chain import Chain
from conftest import REPOSITORY, Warehouse
from test_example import check_marts, example

NODES = ["node1", "node2"]
SPREAD = "spider={'servers': ['node1', 'node2'], 'partition_by': 'hash (store_id)'}"
ROWS = """
    select seq as id, seq % 10 as store_id, cast(concat('item ', seq) as char(20)) as name,
           cast(seq * {{ var('price', 1) }} as decimal(9, 2)) as amount,
           date('2026-01-01') + interval seq % 5 day as sold
    from seq_1_to_200
"""


@dataclass
class Cluster:
    head: Warehouse
    nodes: dict[str, Warehouse]

    def parts(self) -> dict[str, dict[str, int]]:
        """The tables on each node, with how many rows they have."""
        found: dict[str, dict[str, int]] = {}
        for name, node in self.nodes.items():
            tables = node.rows(f"select table_name from information_schema.tables where table_schema = '{node.schema}'")
            found[name] = {t: node.rows(f"select count(*) from `{node.schema}`.`{t}`")[0][0] for (t,) in tables}
        return found

    def relations(self) -> set[str]:
        schema = self.head.schema
        listed = self.head.rows(f"select table_name from information_schema.tables where table_schema = '{schema}'")
        return {name for (name,) in listed if "headwater" not in name}

    def content(self, table: str) -> list[tuple[Any, ...]]:
        return sorted(self.head.rows(f"select * from {self.head.schema}.{table}"))


@pytest.fixture(scope="module")
def urls() -> dict[str, str]:
    if os.environ.get("HEADWATER_TEST_MARIADB") == "none":
        pytest.skip("MariaDB cannot be had here")
    script = REPOSITORY / "tests" / "servers.sh"

    def start(server: str) -> str:
        return subprocess.run([script, "start", server], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    return {name: start(f"spider-{name}") for name in ["head", *NODES]}


@pytest.fixture
def cluster(urls: dict[str, str], tmp_path: Path) -> Iterator[Cluster]:
    head = Warehouse("mariadb", tmp_path, urls["head"])
    nodes = {name: Warehouse("mariadb", tmp_path, urls[name], head.schema) for name in NODES}
    for name, node in nodes.items():
        head.rows(
            f"create or replace server {name} foreign data wrapper mysql"
            f" options (host '127.0.0.1', port {node.address['port']}, user 'root', password '')"
        )
    yield Cluster(head, nodes)
    for server in [head, *nodes.values()]:
        server.drop()


def test_rows_are_on_the_nodes_and_the_results_those_of_one_machine(cluster: Cluster) -> None:
    project = cluster.head.project(
        {
            "models/local.sql": "{{ config(materialized='table') }}" + ROWS,
            "models/sales.sql": f"{{{{ config(materialized='table', indexes=[{{'columns': ['id']}}], {SPREAD}) }}}}"
            + ROWS,
            "models/stores.sql": "{{ config(materialized='table') }}"
            "select store_id, count(*) as items, sum(amount) as amount from {{ ref('sales') }} group by store_id",
            "models/schema.yml": """
                models:
                  - name: sales
                    columns:
                      - {name: id, data_tests: [unique, not_null]}
                      - {name: store_id, data_tests: [not_null]}
            """,
        }
    )
    project.build().raise_for_failures()
    assert cluster.content("sales") == cluster.content("local")
    assert len(cluster.content("stores")) == 10
    first = cluster.parts()
    assert {name: list(tables) for name, tables in first.items()} == {name: ["sales__dbt_a"] for name in NODES}
    assert all(rows > 0 for tables in first.values() for rows in tables.values())
    assert sum(rows for tables in first.values() for rows in tables.values()) == 200
    for node in cluster.nodes.values():
        indexed = node.rows(
            f"select column_name from information_schema.statistics where table_schema = '{node.schema}'"
        )
        assert indexed == [("id",)]

    # The next build goes to other tables on the nodes, and nothing of the first is left.
    project.build(vars={"price": 2}).raise_for_failures()
    assert cluster.content("sales") == cluster.content("local")
    assert {name: list(tables) for name, tables in cluster.parts().items()} == {n: ["sales__dbt_b"] for n in NODES}
    assert cluster.relations() == {"local", "sales", "stores"}

    # Back on the head alone, the nodes are empty.
    (Path(project.project_dir) / "models" / "sales.sql").write_text("{{ config(materialized='table') }}" + ROWS)
    hw.Project(project.project_dir).run(select="sales").raise_for_failures()
    assert cluster.parts() == {"node1": {}, "node2": {}}


def test_two_days_of_the_example_with_facts_and_marts_on_the_nodes(cluster: Cluster) -> None:
    project = example(cluster.head)
    settings = Path(project.project_dir) / "dbt_project.yml"
    spread = "      +spider: {servers: [node1, node2], partition_by: hash (store_id)}\n"
    text = settings.read_text()
    for folder in ("    facts:\n", "    marts:\n"):
        assert folder in text
        text = text.replace(folder, folder + spread)
    settings.write_text(text)
    for more_days in (0, 1):
        chain = Chain(f"{cluster.head.schema}_shop", more_days=more_days)
        chain.load(cluster.head)
        project.build().raise_for_failures()
        check_marts(cluster.head, chain)
    for tables in cluster.parts().values():
        names = {name.removesuffix("__dbt_a").removesuffix("__dbt_b") for name in tables}
        assert {"fct_orders", "fct_order_lines", "mart_daily_store_sales", "mart_product_sales"} <= names
        assert len(names) == len(tables)


@pytest.mark.parametrize("strategy", ["delete+insert", "merge", "append"])
def test_an_incremental_day_is_that_of_one_machine(cluster: Cluster, strategy: str) -> None:
    key = "" if strategy == "append" else ", unique_key='id'"
    config = f"materialized='incremental', incremental_strategy='{strategy}'{key}"
    rows = (
        ROWS + "{% if is_incremental() %} where seq > 190 union all select 500, 3, 'new', 5, '2026-02-01' {% endif %}"
    )
    project = cluster.head.project(
        {
            "models/local.sql": f"{{{{ config({config}) }}}}" + rows,
            "models/sales.sql": f"{{{{ config({config}, {SPREAD}) }}}}" + rows,
        }
    )
    for variables in ({}, {"price": 3}, {"price": 4}):
        project.run(vars=variables).raise_for_failures()
        assert cluster.content("sales") == cluster.content("local")
    assert {name: list(tables) for name, tables in cluster.parts().items()} == {n: ["sales__dbt_a"] for n in NODES}
    project.run(full_refresh=True).raise_for_failures()
    assert cluster.content("sales") == cluster.content("local")
    assert {name: list(tables) for name, tables in cluster.parts().items()} == {n: ["sales__dbt_b"] for n in NODES}
    assert cluster.relations() == {"local", "sales"}


BATCHES = """
    materialized='incremental', incremental_strategy='microbatch', event_time='sold', batch_size='day',
    begin='2026-01-01', concurrent_batches=true
"""


def test_batches_are_those_of_one_machine(cluster: Cluster) -> None:
    """Side by side, run again for late rows, and after one of them has failed."""
    sold = "from {{ ref('rows') }}{% if model.batch and model.batch.id == var('boom', '') %}, no_such_table{% endif %}"
    project = cluster.head.project(
        {
            "models/rows.sql": "{{ config(materialized='table', event_time='sold') }}" + ROWS,
            "models/local.sql": f"{{{{ config({BATCHES}) }}}} select * {sold}",
            "models/sales.sql": f"{{{{ config({BATCHES}, {SPREAD}) }}}} select * {sold}",
        }
    )
    window = {"event_time_start": "2026-01-01", "event_time_end": "2026-01-06"}
    project.run(**window).raise_for_failures()
    assert len(cluster.content("sales")) == 200
    assert cluster.content("sales") == cluster.content("local")
    # Other rows take the place of those of three days, and only there.
    variables = {"price": 3}
    window["event_time_start"] = "2026-01-03"
    project.run(vars=variables, **window).raise_for_failures()
    assert cluster.content("sales") == cluster.content("local")
    assert {row[3] / row[0] for row in cluster.content("sales")} == {1, 3}
    results = project.run(vars={"price": 5, "boom": "20260104"}, **window)
    assert not results.success
    assert cluster.content("sales") == cluster.content("local")
    assert {row[3] / row[0] for row in cluster.content("sales")} == {1, 3, 5}
    assert {name: list(tables) for name, tables in cluster.parts().items()} == {n: ["sales__dbt_a"] for n in NODES}
    window["event_time_start"] = "2026-01-01"
    project.run(full_refresh=True, **window).raise_for_failures()
    assert cluster.content("sales") == cluster.content("local")
    assert {name: list(tables) for name, tables in cluster.parts().items()} == {n: ["sales__dbt_b"] for n in NODES}
    assert cluster.relations() == {"rows", "local", "sales"}


def test_readers_of_the_head_see_no_rebuild(cluster: Cluster) -> None:
    project = cluster.head.project({"models/sales.sql": f"{{{{ config(materialized='table', {SPREAD}) }}}}" + ROWS})
    project.run().raise_for_failures()
    done, errors, counts = threading.Event(), [], set()

    def read() -> None:
        connection = cluster.head.connect()
        cursor = connection.cursor()
        while not done.is_set():
            try:
                cursor.execute(f"select count(*) from {cluster.head.schema}.sales")
                counts.add(cursor.fetchone()[0])
            except Exception as error:
                errors.append(error)
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(8):
            project.run().raise_for_failures()
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not errors
    assert counts == {200}


def test_what_a_killed_run_leaves_is_gone_after_the_next(cluster: Cluster) -> None:
    slow = ROWS + "{% if var('slow', false) %} where sleep(0.02) = 0 {% endif %}"
    project = cluster.head.project({"models/sales.sql": f"{{{{ config(materialized='table', {SPREAD}) }}}}" + slow})
    project.run().raise_for_failures()
    program = f"import headwater; headwater.Project({project.project_dir!r}, vars={{'slow': True}}).run()"
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    inserting = (
        f"select 1 from information_schema.processlist where info like '%insert into%{cluster.head.schema}%sleep%'"
    )
    deadline = time.monotonic() + 60
    while len(cluster.head.rows(inserting + " and id <> connection_id()")) == 0:
        assert run.poll() is None
        assert time.monotonic() < deadline
    run.kill()
    run.wait()
    assert all(set(tables) == {"sales__dbt_a", "sales__dbt_b"} for tables in cluster.parts().values())
    project.run().raise_for_failures()
    assert len(cluster.content("sales")) == 200
    assert cluster.relations() == {"sales"}
    assert all(set(tables) == {"sales__dbt_b"} for tables in cluster.parts().values())


def test_a_server_without_the_engine_says_so(server: Warehouse) -> None:
    result = server.project(
        {"models/sales.sql": f"{{{{ config(materialized='table', {SPREAD}) }}}} select 1 as store_id"}
    ).run()
    assert not result.success
    assert "does not have the engine Spider" in str(next(iter(result)).message)


def test_what_cannot_be_is_told_with_the_file(duck: Warehouse) -> None:
    for config, problem in [
        ("spider='node1'", "must be a mapping"),
        ("spider={'servers': [], 'partition_by': 'hash (a)'}", "must be a mapping"),
        ("spider={'servers': ['a', 'a'], 'partition_by': 'hash (a)'}", "names the server `a` twice"),
        ("spider={'servers': ['a'], 'partition_by': 'range (a)'}", "must be a mapping"),
        ("incremental_strategy='insert_overwrite', " + SPREAD, "insert_overwrite"),
        ("partition_by='hash (a)', " + SPREAD, "together with `partition_by`"),
        ("on_schema_change='sync_all_columns', " + SPREAD, "on_schema_change"),
    ]:
        project = duck.project({"models/sales.sql": f"{{{{ config({config}) }}}} select 1 as store_id"})
        with pytest.raises(hw.HeadwaterError, match=problem) as raised:
            project.run()
        assert "models/sales.sql" in str(raised.value)
    told = duck.project(
        {"models/sales.sql": f"{{{{ config(materialized='table', {SPREAD}) }}}} select 1 as store_id"}
    ).run()
    told.raise_for_failures()
