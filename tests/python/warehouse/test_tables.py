"""What tables are beside their rows: indexes, keys, partitions, options, grants and comments."""

from __future__ import annotations

from pathlib import Path

import headwater as hw
import pytest
from conftest import Warehouse

Index = tuple[str, ...]


def indexes(warehouse: Warehouse, table: str) -> dict[str, Index]:
    """Each index of a table, by name: whether it is unique, its kind where it is not a plain one, and its columns."""
    if warehouse.kind == "duckdb":
        rows = warehouse.rows(
            f"select index_name, is_unique, expressions from duckdb_indexes() where table_name = '{table}'"
        )
        return {
            name: (*(["unique"] if unique else []), *(part.strip("'\"") for part in columns.strip("[]").split(", ")))
            for name, unique, columns in rows
        }
    found: dict[str, Index] = {}
    for name, unique, kind, column, prefix, order in warehouse.rows(
        "select index_name, non_unique = 0, index_type, column_name, sub_part, collation"
        " from information_schema.statistics"
        f" where table_schema = '{warehouse.schema}' and table_name = '{table}' order by index_name, seq_in_index"
    ):
        first = (["unique"] if unique else []) + ([] if kind == "BTREE" else [kind.lower()])
        part = f"{column}({prefix})" if prefix else column
        part = f"{part} desc" if order == "D" else part
        found[name] = (*found.get(name, first), part)
    return found


def made(warehouse: Warehouse, table: str) -> list[Index]:
    return sorted(indexes(warehouse, table).values())


ORDERS = "select 1 as id, cast('2024-01-02' as date) as order_date, 7 as store_id, 'a note' as note"


def orders(config: str, materialized: str = "table") -> dict[str, str]:
    return {"models/orders.sql": f"{{{{ config(materialized='{materialized}', {config}) }}}} {ORDERS}"}


def test_tables_have_their_indexes_when_they_are_published(warehouse: Warehouse) -> None:
    plain = "indexes=[{'columns': ['id'], 'unique': true, 'name': 'by id'}, {'columns': ['store_id', 'order_date']}]"
    project = warehouse.project(orders(plain))
    for _ in range(2):
        project.run().raise_for_failures()
        found = indexes(warehouse, "orders")
        assert sorted(found.values()) == [("store_id", "order_date"), ("unique", "id")]
        assert found["by id"] == ("unique", "id")
        assert any(name.startswith("idx_store_id_order_date_") for name in found)
    warehouse.project(orders("indexes=[{'columns': ['store_id']}]"))
    project.run().raise_for_failures()
    assert made(warehouse, "orders") == [("store_id",)]


def test_an_index_of_a_server_may_be_of_any_type(server: Warehouse) -> None:
    project = server.project(
        orders("""indexes=[
            {'columns': ['note(3) desc', 'ID'], 'type': 'btree'},
            {'columns': 'store_id', 'type': 'hash'},
            {'columns': 'note', 'type': 'fulltext'},
        ]""")
    )
    project.run().raise_for_failures()
    assert made(server, "orders") == [("fulltext", "note"), ("note(3) desc", "id"), ("store_id",)]


def test_duckdb_tells_what_an_index_there_is_not(duck: Warehouse, capfd: pytest.CaptureFixture[str]) -> None:
    project = duck.project(orders("indexes=[{'columns': ['note(3) desc']}, {'columns': 'note', 'type': 'fulltext'}]"))
    project.run().raise_for_failures()
    assert made(duck, "orders") == [("note",)]
    log = (Path(project.project_dir) / "logs" / "dbt.log").read_text()
    assert "is a plain one on whole columns: DuckDB has no note(3) desc" in log
    assert "was not made: DuckDB has no fulltext" in log


STAYING = {
    "incremental": "unique_key='id'",
    "snapshot": "",
    "seed": "",
}


@pytest.mark.parametrize("kind", STAYING)
def test_tables_that_stay_get_what_is_declared_and_lose_what_was(kind: str, warehouse: Warehouse) -> None:
    def write(indexes: str) -> hw.Project:
        config = f"config: {{indexes: {indexes}}}"
        files = {
            "incremental": {
                "models/orders.sql": "{{ config(materialized='incremental', unique_key='id') }} " + ORDERS,
                "models/orders.yml": f"models: [{{name: orders, {config}}}]",
            },
            "snapshot": {
                "models/now.sql": ORDERS,
                "snapshots/orders.yml": "snapshots: [{name: orders, relation: ref('now'), "
                f"config: {{unique_key: id, strategy: check, check_cols: all, indexes: {indexes}}}}}]",
            },
            "seed": {
                "seeds/orders.csv": "id,order_date,store_id,note\n1,2024-01-02,7,a\n",
                "seeds/seeds.yml": f"seeds: [{{name: orders, config: {{indexes: {indexes}, "
                "column_types: {note: varchar(40)}}}]",
            },
        }[kind]
        return warehouse.project(files)

    project = write("[{columns: [store_id]}, {columns: [note], name: by_note}]")
    project.build().raise_for_failures()
    assert made(warehouse, "orders") == [("note",), ("store_id",)]
    before = indexes(warehouse, "orders")
    project.build().raise_for_failures()
    assert indexes(warehouse, "orders") == before

    quote = '"' if warehouse.kind == "duckdb" else "`"
    table = f"{warehouse.schema}.orders"
    warehouse.rows(f"create index {quote}of the dba{quote} on {table} (order_date)")
    write("[{columns: [note, store_id], name: by_note}, {columns: [order_date]}, {columns: [id], unique: true}]")
    project.build().raise_for_failures()
    found = indexes(warehouse, "orders")
    assert found.pop("of the dba") == ("order_date",)
    assert found.pop("by_note") == ("note", "store_id")
    # The one of the DBA does what the unnamed one is for.
    assert list(found.values()) == [("unique", "id")]

    write("[{columns: [store_id], name: of the dba}]")
    [failed] = project.build().failed
    assert "another index of this name" in failed.message
    write("[]")
    project.build().raise_for_failures()
    assert list(indexes(warehouse, "orders")) == ["of the dba"]


def test_a_column_that_the_table_lacks_is_named_with_its_neighbour(warehouse: Warehouse) -> None:
    project = warehouse.project(
        orders("indexes=[{'columns': ['store_idd', 'order_date']}, {'columns': ['nothing_like']}]")
    )
    [failed] = project.run().failed
    text = failed.explain()
    assert "names columns it does not have: `store_idd`, `nothing_like`" in text
    assert "instead of `store_idd`, did you mean `store_id`?" in text
    assert "models/orders.sql:1:" in text


def test_wrong_indexes_are_told_before_anything_runs_and_all_at_once(duck: Warehouse) -> None:
    project = duck.project(
        {
            **orders(
                "indexes=[{'column': ['id']}, {'columns': ['id'], 'type': 'gin'}, {'columns': ['id'], 'unique': 1}]"
            ),
            "models/other.sql": "{{ config(indexes={'columns': ['id']}) }} select 1 as id",
            "models/twice.sql": "{{ config(indexes=[{'columns': ['id']}, {'columns': 'ID'}]) }} select 1 as id",
        }
    )
    with pytest.raises(hw.HeadwaterError) as error:
        project.run()
    text = str(error.value)
    for part in (
        "unknown key `column`; did you mean `columns`?",
        "of type `gin`, which is none of btree, hash, fulltext, spatial",
        "whose `unique` is `1`",
        "must be a list of mappings with `columns`",
        "has (ID) twice",
        "models/orders.sql:1:",
    ):
        assert part in text, text


HOOK = "alter table {{ this }} add index by_store (store_id), add unique key `by id` (id)"


def hooked(hook: str, materialized: str = "incremental") -> dict[str, str]:
    config = f"materialized='{materialized}', unique_key='id', post_hook={hook!r}"
    return {"models/orders.sql": f"{{{{ config({config}) }}}} {ORDERS}"}


def test_a_hook_that_adds_an_index_may_run_again(server: Warehouse) -> None:
    other = "create index by_date on {{ this }} (order_date); insert into {{ this.schema }}.runs values (1)"
    server.rows(f"create database {server.schema}")
    server.rows(f"create table {server.schema}.runs (n int)")
    project = server.project(hooked([HOOK, other]))  # type: ignore[arg-type]
    for run in (1, 2):
        project.run().raise_for_failures()
        assert made(server, "orders") == [("order_date",), ("store_id",), ("unique", "id")]
        # What stands behind the index in the same hook runs, and runs once.
        assert server.rows(f"select count(*) from {server.schema}.runs") == [(run,)]
    log = (Path(project.project_dir) / "logs" / "dbt.log").read_text()
    assert "the hook's index is there already, on the same columns: by_store, by id" in log

    server.project(hooked("alter table {{ this }} add index by_store (order_date)"))
    [failed] = project.run().failed
    text = failed.explain()
    assert "index `by_store` is there on (store_id), and the hook wants it on (order_date)" in text
    server.project(hooked("alter table {{ this }} add index by_store (store_id), add index new (note(3))"))
    assert "config `indexes` adds only what is missing" in project.run().failed[0].explain()


def test_the_seed_storys_hook_and_the_config_live_together(server: Warehouse) -> None:
    model = orders(
        "indexes=[{'columns': ['store_id'], 'name': 'by_store'}], "
        'post_hook="alter table {{ this }} add index by_store (store_id)"'
    )
    project = server.project(model)
    for _ in range(2):
        project.run().raise_for_failures()
    assert made(server, "orders") == [("store_id",)]


def test_if_not_exists_is_explained_where_it_is_missing(server: Warehouse) -> None:
    project = server.project(hooked("alter table {{ this }} add index if not exists by_store (store_id)"))
    results = project.run()
    if server.kind == "mariadb":
        assert results.success
    else:
        assert "MySQL has no `if not exists` for indexes: declare it as config `indexes" in results.failed[0].explain()
