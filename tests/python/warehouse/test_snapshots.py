"""Snapshots: what history they keep, in which columns, and that a run is all or nothing."""

from __future__ import annotations

import json
from typing import Any

from conftest import Warehouse

NAMES = (
    "{dbt_valid_from: since, dbt_valid_to: until, dbt_scd_id: version_id,"
    " dbt_updated_at: seen_at, dbt_is_deleted: gone}"
)


def snapshots(**more: str) -> dict[str, str]:
    """A snapshot for each way of finding changes and of taking deletes; `more` is added to their configs."""
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    text = "snapshots:\n"
    for strategy, settings in {
        "stamped": "strategy: timestamp, updated_at: changed_at",
        "listed": "strategy: check, check_cols: [Amount]",
        "whole": "strategy: check, check_cols: all",
    }.items():
        for mode in ("ignore", "invalidate", "new_record"):
            text += f"  - name: {strategy}_{mode}\n    relation: source('shop', 'prices')\n"
            text += f"    config: {{unique_key: [id, store], {settings}, hard_deletes: {mode}{extra}}}\n"
    return {
        "snapshots/prices.yml": text,
        "models/sources.yml": "sources: [{name: shop, schema: '{{ target.schema }}', tables: [{name: prices}]}]\n",
    }


def prices(warehouse: Warehouse, *rows: str, more: str = "") -> None:
    """The source table holds these rows: id, store, amount, changed_at."""
    quoted = warehouse.schema
    warehouse.rows(f"create schema if not exists {quoted}")
    warehouse.rows(f"drop table if exists {quoted}.prices")
    warehouse.rows(
        f"create table {quoted}.prices (id int, store int, amount int, changed_at {TIME[warehouse.kind]}{more})"
    )
    for row in rows:
        warehouse.rows(f"insert into {quoted}.prices values ({row})")


TIME = {"duckdb": "timestamp", "mariadb": "datetime(6)", "mysql": "datetime(6)"}
ONE = "1, 7, 10, '2024-01-01'"
TWO = "2, 7, 20, '2024-01-01'"


def history(warehouse: Warehouse, name: str, end: str = "dbt_valid_to is null", gone: str = "null") -> list[Any]:
    rows = warehouse.rows(f"select id, amount, {end}, {gone} from {warehouse.schema}.{name} order by 1, 2, 3, 4")
    return [(row[0], row[1], "open" if row[2] else "closed", *([row[3]] if gone != "null" else [])) for row in rows]


def test_history_by_strategy_and_kind_of_delete(warehouse: Warehouse) -> None:
    project = warehouse.project(snapshots())
    prices(warehouse, ONE, TWO, "3, 7, 30, '2024-01-01'")
    project.snapshot().raise_for_failures()
    # 1 changes, 2 stays, 3 goes, 4 comes; and once more the same.
    prices(warehouse, "1, 7, 11, '2024-02-01'", TWO, "4, 7, 40, '2024-02-01'")
    for _ in range(2):
        project.snapshot().raise_for_failures()
    for strategy in ("stamped", "listed", "whole"):
        kept = [(1, 10, "closed"), (1, 11, "open"), (2, 20, "open")]
        assert history(warehouse, f"{strategy}_ignore") == [*kept, (3, 30, "open"), (4, 40, "open")]
        assert history(warehouse, f"{strategy}_invalidate") == [*kept, (3, 30, "closed"), (4, 40, "open")]
        marked = history(warehouse, f"{strategy}_new_record", gone="dbt_is_deleted")
        assert marked == [
            (1, 10, "closed", "False"),
            (1, 11, "open", "False"),
            (2, 20, "open", "False"),
            (3, 30, "closed", "False"),
            (3, 30, "open", "True"),
            (4, 40, "open", "False"),
        ]
    # 3 comes back as it was, under the id that it had.
    prices(warehouse, "1, 7, 11, '2024-02-01'", TWO, "3, 7, 30, '2024-01-01'", "4, 7, 40, '2024-02-01'")
    project.snapshot().raise_for_failures()
    assert history(warehouse, "stamped_ignore")[3:] == [(3, 30, "open"), (4, 40, "open")]
    assert sorted(history(warehouse, "stamped_invalidate"))[3:-1] == [(3, 30, "closed"), (3, 30, "open")]
    assert sorted(history(warehouse, "stamped_new_record", gone="dbt_is_deleted"))[3:-1] == [
        (3, 30, "closed", "False"),
        (3, 30, "closed", "True"),
        (3, 30, "open", "False"),
    ]
    # Every change ends one version and begins the next at the same moment.
    (gaps,) = warehouse.rows(
        f"select count(*) from {warehouse.schema}.stamped_ignore as one join {warehouse.schema}.stamped_ignore as next"
        " on next.id = one.id and next.dbt_valid_from = one.dbt_valid_to"
    )
    assert gaps == (1,)


def test_names_the_end_of_time_new_columns_and_wider_types(warehouse: Warehouse) -> None:
    end = "\"cast('9999-12-31' as date)\""
    files = snapshots(snapshot_meta_column_names=NAMES, dbt_valid_to_current=end)
    project = warehouse.project(files)
    prices(warehouse, ONE, TWO)
    project.snapshot().raise_for_failures()
    prices(warehouse)
    warehouse.rows(f"drop table {warehouse.schema}.prices")
    warehouse.rows(
        f"create table {warehouse.schema}.prices as select 1 as id, 7 as store, 5000000000 as amount,"
        " cast('2024-02-01' as date) as changed_at, 'a note' as note"
    )
    project.snapshot().raise_for_failures()
    for name in ("stamped_new_record", "listed_new_record", "whole_new_record"):
        table = f"{warehouse.schema}.{name}"
        found = warehouse.rows(
            f"select id, amount, note, gone, extract(year from until) = 9999 from {table} order by 1, 2, 4"
        )
        assert [(*row[:4], bool(row[4])) for row in found] == [
            (1, 10, None, "False", False),
            (1, 5000000000, "a note", "False", True),
            (2, 20, None, "False", False),
            (2, 20, None, "True", True),
        ]
        columns = warehouse.rows(
            "select column_name from information_schema.columns"
            f" where table_schema = '{warehouse.schema}' and table_name = '{name}'"
        )
        own = {"id", "store", "amount", "changed_at", "note"}
        assert {column for (column,) in columns} == own | {"since", "until", "version_id", "seen_at", "gone"}


def test_a_wider_column_keeps_the_rest_of_its_definition(server: Warehouse) -> None:
    config = "materialized='incremental', unique_key='id', on_schema_change='sync_all_columns'"
    table = f"{server.schema}.wide"

    def model(number: str, price: str, name: str) -> dict[str, str]:
        head = f"{{{{ config({config}) }}}}"
        return {"models/wide.sql": f"{head} select 1 as id, {number} as amount, {price} as price, {name} as name"}

    project = server.project(model("cast(7 as signed)", "cast(1.5 as decimal(6,2))", "'abc'"))
    project.run().raise_for_failures()
    server.rows(f"alter table {table} modify amount int not null default 3 comment 'how much, it''s', modify id bigint")
    server.rows(f"alter table {table} modify name varchar(3) character set latin1 collate latin1_bin not null")
    server.project(model("5000000000", "cast(1.5 as decimal(10,4))", "'abcdef'"))
    project.run().raise_for_failures()
    found = server.rows(
        "select column_name, data_type, numeric_scale, is_nullable, column_default, column_comment, collation_name,"
        " character_maximum_length from information_schema.columns"
        f" where table_schema = '{server.schema}' and table_name = 'wide' order by ordinal_position"
    )
    rows = {row[0]: row[1:] for row in found}
    # `id` is wider in the table than in this run: it stays.
    assert rows["id"][0] == "bigint"
    assert rows["amount"][:5] == ("bigint", 0, "NO", "3", "how much, it's")
    assert rows["price"][:2] == ("decimal", 4)
    assert rows["name"][2:] == ("NO", None, "", "latin1_bin", 6)
    assert server.rows(f"select amount, price, name from {table}")[0][2] == "abcdef"


def test_ids_keep_the_hash_that_they_began_with(server: Warehouse) -> None:
    files = snapshots()
    output = server.output
    lacking = json.dumps({"shop": {"target": "t", "outputs": {"t": {**output, "capabilities": {"md5": False}}}}})
    having = json.dumps({"shop": {"target": "t", "outputs": {"t": {**output, "capabilities": {"md5": True}}}}})
    lengths = f"select distinct char_length(dbt_scd_id) from {server.schema}.listed_ignore"
    prices(server, ONE, TWO)
    project = server.project({**files, "profiles.yml": lacking})
    project.snapshot(select="listed_ignore").raise_for_failures()
    assert server.rows(lengths) == [(64,)]
    # The server has md5() now: the snapshot stays with what it has.
    prices(server, "1, 7, 11, '2024-02-01'", TWO)
    project = server.project({**files, "profiles.yml": having})
    project.snapshot(select="listed_ignore").raise_for_failures()
    assert server.rows(lengths) == [(64,)]
    assert len(history(server, "listed_ignore")) == 3
    assert server.rows(
        f"select count(*) from {server.schema}.listed_ignore"
        " where dbt_scd_id = sha2(concat_ws('|', id, store, cast(dbt_updated_at as char)), 256)"
    ) == [(3,)]

    # And the other way round it does not get other ids by itself.
    server.rows(f"update {server.schema}.listed_ignore set dbt_scd_id = left(dbt_scd_id, 32)")
    server.rows(f"alter table {server.schema}.listed_ignore modify dbt_scd_id varchar(32)")
    project = server.project({**files, "profiles.yml": lacking})
    (failed,) = project.snapshot(select="listed_ignore")
    assert failed.diagnostic["code"] == "not-supported"
    assert "component_classic_hashing" in failed.explain()
    assert len(history(server, "listed_ignore")) == 3


def test_a_run_is_one_transaction_and_finds_versions_by_an_index(server: Warehouse) -> None:
    project = server.project(snapshots())
    prices(server, ONE, TWO)
    project.snapshot(select="listed_ignore").raise_for_failures()
    table = f"{server.schema}.listed_ignore"
    wanted = [("headwater_key", "dbt_scd_id"), ("headwater_row_key", "id"), ("headwater_row_key", "store")]
    indexes = (
        "select index_name, column_name from information_schema.statistics"
        f" where table_schema = '{server.schema}' and table_name = 'listed_ignore' order by 1, 2"
    )
    assert server.rows(indexes) == wanted
    # As a table that dbt-mysql made; and nothing above 10 may come in.
    server.rows(
        f"alter table {table} drop index headwater_key, drop index headwater_row_key,"
        f" add constraint small_{server.schema} check (amount < 50)"
    )
    prices(server, "1, 7, 99, '2024-02-01'", TWO)
    (failed,) = project.snapshot(select="listed_ignore")
    assert failed.status == "error"
    assert history(server, "listed_ignore") == [(1, 10, "open"), (2, 20, "open")]
    prices(server, "1, 7, 11, '2024-02-01'", TWO)
    project.snapshot(select="listed_ignore").raise_for_failures()
    assert history(server, "listed_ignore") == [(1, 10, "closed"), (1, 11, "open"), (2, 20, "open")]
    assert server.rows(indexes) == wanted
    left = f"select table_name from information_schema.tables where table_schema = '{server.schema}'"
    assert sorted(name for (name,) in server.rows(left)) == ["listed_ignore", "prices"]
