"""The incremental strategy `insert_overwrite`: whole partitions are replaced, and readers never see one empty."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Warehouse

BOUNDS = "(partition `Jan-24` values less than ('2024-02-01'), partition feb values less than ('2024-03-01'){})"
JANUARY = [(1, "2024-01-05", 1), (2, "2024-01-20", 1)]
FEBRUARY = [(3, "2024-02-05", 1), (4, "2024-02-20", 1)]


def model(partition_by: str | None = "range columns (day) " + BOUNDS, more: str = "") -> dict[str, str]:
    partitions = f', partition_by="{partition_by}"' if partition_by else ""
    head = f"{{{{ config(materialized='incremental', incremental_strategy='insert_overwrite'{partitions}{more}) }}}}"
    text = "select id, cast(day as date) as `day`, round from {{ target.schema }}.raw"
    return {"models/sales.sql": f"{head}\n{text}\n".replace("{}", "")}


def raw(server: Warehouse, rows: list[tuple[int, str, int]]) -> None:
    server.rows(f"create schema if not exists {server.schema}")
    server.rows(f"create table if not exists {server.schema}.raw (id int, day varchar(10), round int)")
    server.rows(f"delete from {server.schema}.raw")
    for row in rows:
        server.rows(f"insert into {server.schema}.raw values {row}")


def partition(server: Warehouse, by: str = "range columns (day) " + BOUNDS) -> None:
    server.rows(f"alter table {server.schema}.sales partition by {by}".replace("{}", ""))


def sales(server: Warehouse) -> list[Any]:
    return [(row[0], str(row[1]), row[2]) for row in server.rows(f"select * from {server.schema}.sales order by id")]


@pytest.mark.parametrize("more", ["", ", publish='tested'"])
def test_partitions_of_new_rows_are_replaced(server: Warehouse, more: str) -> None:
    raw(server, JANUARY + FEBRUARY)
    project = server.project(model(more=more))
    project.run().raise_for_failures()
    partition(server)
    with server.reading(f"select count(*) from {server.schema}.sales where day >= '2024-02-01'") as counts:
        for number in range(2, 6):
            raw(server, [(5, "2024-02-07", number)])
            project.run().raise_for_failures()
    assert counts <= {2, 1}
    assert sales(server) == [*JANUARY, (5, "2024-02-07", 5)]
    raw(server, [(6, "2024-01-07", 6), (7, "2024-02-08", 6)])
    project.run().raise_for_failures()
    assert sales(server) == [(6, "2024-01-07", 6), (7, "2024-02-08", 6)]
    raw(server, [])
    project.run().raise_for_failures()
    assert len(sales(server)) == 2
    left = server.rows(f"select table_name from information_schema.tables where table_schema = '{server.schema}'")
    assert sorted(name for (name,) in left) == ["raw", "sales"]


@pytest.mark.parametrize("by", ["{'field': 'day', 'granularity': 'month'}", '"range columns (day) ' + BOUNDS + '"'])
def test_partitions_are_replaced_also_after_a_column_was_added(server: Warehouse, by: str) -> None:
    """MySQL adds a column at once, and does not exchange partitions with another table from then on."""
    raw(server, JANUARY + FEBRUARY)
    head = f"""{{{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partition_by={by},
        on_schema_change='append_new_columns') }}}}""".replace("{}", "")
    text = (
        "select id, cast(day as date) as `day`, round {{ ', 7 as more' if var('late') }} from {{ target.schema }}.raw"
    )
    project = server.project({"models/sales.sql": f"{head}\n{text}\n"}, vars={"late": False})
    project.run().raise_for_failures()
    for rows in [(8, "2024-02-07", 2)], [(8, "2024-02-07", 3), (9, "2024-01-30", 3)]:
        raw(server, rows)
        project.run(vars={"late": True}).raise_for_failures()
    assert server.rows(f"select id, round, more from {server.schema}.sales order by id") == [(8, 3, 7), (9, 3, 7)]
    left = server.rows(f"select table_name from information_schema.tables where table_schema = '{server.schema}'")
    assert sorted(name for (name,) in left) == ["raw", "sales"]


def test_what_cannot_be_replaced_is_refused(server: Warehouse) -> None:
    raw(server, JANUARY)
    for files, code, words in [
        (model(None), "invalid-config", "needs `partition_by`"),
        (model("hash (id) partitions 2"), "invalid-config", "are by `hash`"),
    ]:
        project = server.project(files)
        project.run()
        if "hash" in words:
            partition(server, "hash (id) partitions 2")
        (failed,) = project.run()
        assert failed.diagnostic["code"] == code, failed.explain()
        assert words in failed.explain()
    project = server.project(model())
    project.run(full_refresh=True).raise_for_failures()
    partition(server)
    raw(server, [(9, "2024-03-07", 1)])
    (failed,) = project.run()
    assert "no partition" in failed.explain()
    assert "maxvalue" in failed.explain()
    assert sales(server) == JANUARY
    server.rows(f"alter table {server.schema}.sales remove partitioning")
    (failed,) = project.run()
    assert "has none" in failed.explain()
    assert "--full-refresh" in failed.explain()
