"""The incremental strategy `merge`: what it makes of rows, and how it refuses what has no clear outcome."""

from __future__ import annotations

from typing import Any

import headwater as hw
from conftest import Warehouse

COLUMNS = "id, `store-no`, day, amount, `order`"
FIRST = "1,10,2024-01-01,100,a\n2,10,2024-02-01,200,b\n3,11,2024-02-02,300,c\n"
#: Row 1 changes, row 3 stays, row 4 is new.
SECOND = "1,10,2024-03-01,111,A\n3,11,2024-02-02,300,c\n4,12,2024-02-03,400,d\n"


def model(config: str, columns: str = "*") -> str:
    head = f"{{{{ config(materialized='incremental', incremental_strategy='merge', {config}) }}}}"
    return head + f"\nselect {columns} from {{{{ ref('raw') }}}}\n"


def seed(rows: str) -> dict[str, str]:
    return {"seeds/raw.csv": "id,store-no,day,amount,order\n" + rows}


MODELS = {
    "models/plain.sql": model("unique_key='id'"),
    "models/pair.sql": model("unique_key=['ID', adapter.quote('store-no')], merge_update_columns=['amount']"),
    "models/kept.sql": model("unique_key='id', merge_exclude_columns=['DAY', 'order']"),
    "models/recent.sql": model("unique_key='id', incremental_predicates=[\"DBT_INTERNAL_DEST.day >= '2024-02-01'\"]"),
    "models/added.sql": model("unique_key=none"),
    "models/inserted.sql": model("unique_key='id', merge_exclude_columns=['id', 'store-no', 'day', 'amount', 'order']"),
}


def rows(warehouse: Warehouse, name: str) -> list[tuple[Any, ...]]:
    quote = '"' if warehouse.kind == "duckdb" else "`"
    columns = COLUMNS.replace("`", quote)
    found = warehouse.rows(f"select {columns} from {warehouse.schema}.{name} order by id, day")
    return [(row[0], row[1], str(row[2]), row[3], row[4]) for row in found]


def test_rows_are_merged_on_every_database(warehouse: Warehouse) -> None:
    project = warehouse.project({**MODELS, **seed(FIRST)})
    project.build().raise_for_failures()
    warehouse.project({**MODELS, **seed(SECOND)})
    for _ in range(2):  # once more changes nothing, but for the models that add what they do not match
        project.build(exclude="added recent").raise_for_failures()
    project.build(select="added recent").raise_for_failures()
    old = [(1, 10, "2024-01-01", 100, "a"), (2, 10, "2024-02-01", 200, "b"), (3, 11, "2024-02-02", 300, "c")]
    new = [(1, 10, "2024-03-01", 111, "A"), old[2], (4, 12, "2024-02-03", 400, "d")]
    assert rows(warehouse, "plain") == [new[0], old[1], old[2], new[2]]
    assert rows(warehouse, "pair") == [(1, 10, "2024-01-01", 111, "a"), old[1], old[2], new[2]]
    assert rows(warehouse, "kept") == [(1, 10, "2024-01-01", 111, "a"), old[1], old[2], new[2]]
    # The old row 1 does not meet the condition: it is no match, so the new one is added.
    assert rows(warehouse, "recent") == [old[0], new[0], old[1], old[2], new[2]]
    assert sorted(rows(warehouse, "added")) == sorted(old + new)
    assert rows(warehouse, "inserted") == [*old, new[2]]


def test_a_changed_row_that_leaves_the_condition_is_not_added_again(warehouse: Warehouse) -> None:
    files = {"models/recent.sql": MODELS["models/recent.sql"]}
    project = warehouse.project({**files, **seed("5,10,2024-02-05,1,a\n")})
    project.build().raise_for_failures()
    warehouse.project({**files, **seed("5,10,2024-01-05,2,b\n")})
    project.build().raise_for_failures()
    assert rows(warehouse, "recent") == [(5, 10, "2024-01-05", 2, "b")]


def indexes(server: Warehouse, table: str) -> dict[str, tuple[bool, str]]:
    found = server.rows(
        "select index_name, min(non_unique) = 0,"
        " group_concat(concat(column_name, coalesce(concat('(', sub_part, ')'), '')) order by seq_in_index)"
        " from information_schema.statistics"
        f" where table_schema = '{server.schema}' and table_name = '{table}' group by index_name"
    )
    return {name: (bool(unique), columns) for name, unique, columns in found}


KEYS = {
    "models/short.sql": model("unique_key='id'"),
    "models/long.sql": model("unique_key='order'"),
    "models/replaced.sql": model("unique_key='id'").replace("merge", "delete+insert"),
    "models/unset.sql": model("unique_key=['id', 'day']").replace("incremental_strategy='merge', ", ""),
    "models/second.sql": model("unique_key='id', indexes=[{'columns': ['amount'], 'unique': true}]"),
}


def test_the_indexes_that_keys_need_are_made(server: Warehouse) -> None:
    project = server.project({**KEYS, **seed(FIRST)})
    project.build().raise_for_failures()
    assert indexes(server, "short") == {"headwater_unique_key": (True, "id")}
    assert indexes(server, "long") == {"headwater_key": (False, "order(191)")}
    assert indexes(server, "replaced") == {"headwater_key": (False, "id")}
    assert indexes(server, "unset") == {"headwater_key": (False, "id,day")}
    # An upsert would match on the amount as well, so the key is only looked up.
    assert indexes(server, "second")["headwater_key"] == (False, "id")
    server.project({**KEYS, **seed(SECOND)})
    for name in ("short", "replaced", "unset"):
        # As tables are that something else has built.
        server.rows(f"alter table {server.schema}.{name} drop index headwater{'_unique' * (name == 'short')}_key")
    before = {name: indexes(server, name) for name in ("long", "second")}
    project.build().raise_for_failures()
    assert indexes(server, "short") == {"headwater_unique_key": (True, "id")}
    assert indexes(server, "replaced") == {"headwater_key": (False, "id")}
    assert {name: indexes(server, name) for name in ("long", "second")} == before
    assert [row[:1] + row[3:] for row in rows(server, "long")] == [
        (1, 111, "A") if server.rows("select 'a' = 'A'") == [(1,)] else (1, 100, "a"),
        (2, 200, "b"),
        (3, 300, "c"),
        (4, 400, "d"),
    ]
    assert rows(server, "second") == rows(server, "short")
    assert rows(server, "replaced") == rows(server, "short")

    # Another strategy or key: the index follows.
    server.project({**KEYS, **seed(SECOND), "models/replaced.sql": model("unique_key=['day', 'id']")})
    project.build().raise_for_failures()
    assert indexes(server, "replaced") == {"headwater_unique_key": (True, "day,id")}


def refused(project: hw.Project, name: str) -> tuple[str, str]:
    result = project.run()[name]
    assert result.status == "error", result
    return result.diagnostic["code"], result.explain()


def leftovers(server: Warehouse) -> list[Any]:
    sql = f"select table_name from information_schema.tables where table_schema = '{server.schema}'"
    return server.rows(sql + " and table_name like '%dbt%'")


def test_keys_without_a_clear_outcome_are_refused(server: Warehouse) -> None:
    files = {"models/plain.sql": MODELS["models/plain.sql"]}
    twice = FIRST + "2,13,2024-02-09,201,x\n"
    project = server.project({**files, **seed(twice)})
    project.seed().raise_for_failures()
    code, text = refused(project, "plain")
    assert code == "duplicate-key"
    assert "`id` = 2 (2 rows)" in text
    assert "models/plain.sql" in text
    assert leftovers(server) == []

    server.project({**files, **seed(FIRST)})
    project.build().raise_for_failures()
    server.project({**files, **seed(twice)})
    project.seed().raise_for_failures()
    code, text = refused(project, "plain")
    assert code == "duplicate-key"
    assert "several new rows" in text
    assert "`id` = 2 (2 rows)" in text
    assert leftovers(server) == []
    assert len(rows(server, "plain")) == 3

    # Old rows that are not unique, in a table that was built without the index.
    server.rows(f"alter table {server.schema}.plain drop index headwater_unique_key")
    server.rows(f"insert into {server.schema}.plain select * from {server.schema}.plain where id > 1")
    server.project({**files, **seed(SECOND)})
    project.seed().raise_for_failures()
    code, text = refused(project, "plain")
    assert code == "duplicate-key"
    assert "`id` = 2 (2 rows)" in text
    assert "`id` = 3 (2 rows)" in text
    assert len(rows(server, "plain")) == 5
    assert leftovers(server) == []

    for config, word in [
        ("unique_key='idd'", "idd"),
        ("unique_key='id', merge_update_columns=['amuont']", "amuont"),
        ("unique_key='id', merge_exclude_columns=['dai']", "dai"),
    ]:
        server.project({"models/plain.sql": model(config)})
        code, text = refused(project, "plain")
        assert code == "invalid-config"
        assert f"`{word}`" in text
        assert "`amount`" in text


def test_null_keys_match_nothing_unless_nulls_are_equal(server: Warehouse) -> None:
    files = {"models/plain.sql": model("unique_key='id'", "nullif(id, 3) as id, `store-no`, day, amount, `order`")}
    project = server.project({**files, **seed(FIRST)})
    project.build().raise_for_failures()
    project.build().raise_for_failures()
    assert [row[0] for row in rows(server, "plain")] == [None, None, 1, 2]
    equal = "name: shop\nversion: '1.0'\nprofile: shop\nflags: {enable_truthy_nulls_equals_macro: true}\n"
    server.rows(f"delete from {server.schema}.plain where id is null limit 1")
    project = server.project({**files, **seed(FIRST), "dbt_project.yml": equal})
    project.build().raise_for_failures()
    assert [row[0] for row in rows(server, "plain")] == [None, 1, 2]


def test_delete_and_insert_finds_keys_of_any_name_and_keeps_repeated_rows(warehouse: Warehouse) -> None:
    config = "unique_key=['{store}', 'ORDER'], incremental_predicates=[\"day >= '2024-02-01'\"]"
    if warehouse.kind == "duckdb":
        config = config.replace("'{store}', 'ORDER'", "'\"store-no\"', '\"order\"'")
    text = model(config.replace("{store}", "store-no")).replace("'merge'", "'delete+insert'")
    expression = model('unique_key="concat(id, day)"').replace("'merge'", "'delete+insert'")
    files = {"models/pairs.sql": text, "models/expression.sql": expression}
    project = warehouse.project({**files, **seed(FIRST)})
    project.build().raise_for_failures()
    warehouse.project({**files, **seed("9,10,2024-01-01,900,a\n8,10,2024-02-01,800,b\n7,10,2024-02-01,700,b\n")})
    project.build().raise_for_failures()
    old = [(1, 10, "2024-01-01", 100, "a"), (2, 10, "2024-02-01", 200, "b"), (3, 11, "2024-02-02", 300, "c")]
    new = [(7, 10, "2024-02-01", 700, "b"), (8, 10, "2024-02-01", 800, "b"), (9, 10, "2024-01-01", 900, "a")]
    assert rows(warehouse, "pairs") == [old[0], old[2], *new]
    assert rows(warehouse, "expression") == old + new
    project.build().raise_for_failures()
    assert rows(warehouse, "expression") == old + new
