"""What tables are beside their rows: indexes, keys, partitions, options, grants and comments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse

Index = tuple[str, ...]


def indexes(warehouse: Warehouse, table: str) -> dict[str, Index]:
    """Each index of a table, by name: whether it is unique, its kind where it is not a plain one, and its columns.

    Those that strategies make for themselves are left out.
    """
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
    return {name: index for name, index in found.items() if not name.startswith("headwater_")}


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


OPTIONS = (
    "primary_key=['id', 'store_id'], engine='InnoDB', row_format='compressed', charset='latin1',"
    " collation='latin1_general_cs', partition_by={'type': 'key', 'columns': ['store_id'], 'partitions': 3},"
    " indexes=[{'columns': ['order_date']}]"
)


def table(server: Warehouse, name: str) -> tuple[Any, ...]:
    """Engine, row format, collation, whether it is partitioned, comment."""
    [row] = server.rows(
        "select engine, lower(row_format), table_collation, create_options like '%partitioned%', table_comment"
        f" from information_schema.tables where table_schema = '{server.schema}' and table_name = '{name}'"
    )
    return row


def collations(server: Warehouse, name: str) -> dict[str, str]:
    rows = server.rows(
        "select column_name, collation_name from information_schema.columns"
        f" where table_schema = '{server.schema}' and table_name = '{name}' and collation_name is not null"
    )
    return dict(rows)


@pytest.mark.parametrize("materialized", ["table", "incremental"])
def test_tables_are_what_their_config_says(materialized: str, server: Warehouse) -> None:
    project = server.project(
        {
            "models/orders.sql": f"{{{{ config(materialized='{materialized}', unique_key='id') }}}} {ORDERS}",
            "dbt_project.yml": """
                name: shop
                version: '1.0'
                profile: shop
                models:
                  shop:
                    +primary_key: [id, store_id]
                    +engine: InnoDB
                    +row_format: compressed
                    +charset: latin1
                    +collation: latin1_general_cs
                    +partition_by: {type: key, columns: [store_id], partitions: 3}
                """,
        }
    )
    for _ in range(2):
        project.run().raise_for_failures()
        assert table(server, "orders")[:4] == ("InnoDB", "compressed", "latin1_general_cs", 1)
        assert collations(server, "orders") == {"note": "latin1_general_cs"}
        assert indexes(server, "orders")["PRIMARY"] == ("unique", "id", "store_id")
        parts = server.rows(
            "select partition_method, count(*) from information_schema.partitions"
            f" where table_schema = '{server.schema}' and table_name = 'orders' group by 1"
        )
        assert parts == [("KEY", 3)]
        assert server.rows(f"select id, note from {server.schema}.orders") == [(1, "a note")]
    manifest = json.loads((Path(project.project_dir) / "target" / "manifest.json").read_text())
    assert manifest["nodes"]["model.shop.orders"]["primary_key"] == ["id", "store_id"]


def test_ranges_are_written_as_text_and_a_row_without_one_says_what_to_do(server: Warehouse) -> None:
    def model(day: str) -> dict[str, str]:
        ranges = "range columns (order_date) (partition p1 values less than ('2024-02-01'))"
        config = f"materialized='incremental', partition_by=\"{ranges}\""
        return {"models/orders.sql": f"{{{{ config({config}) }}}} {ORDERS.replace('2024-01-02', day)}"}

    project = server.project(model("2024-01-02"))
    project.run().raise_for_failures()
    server.project(model("2024-03-02"))
    text = project.run().failed[0].explain()
    assert "(1526" in text
    assert "alter table … add partition" in text
    assert server.rows(f"select count(*) from {server.schema}.orders") == [(1,)]


def test_an_existing_table_of_other_options_is_told_and_left(server: Warehouse) -> None:
    project = server.project(orders("", "incremental"))
    project.run().raise_for_failures()
    server.project(orders(OPTIONS.replace(", indexes", ", unique_key='id', indexes"), "incremental"))
    results = project.run()
    results.raise_for_failures()
    log = (Path(project.project_dir) / "logs" / "dbt.log").read_text()
    for part in (
        "row_format is dynamic, not compressed",
        "not latin1_general_cs",
        "it has no partitions",
        "its primary key is none, not id, store_id",
        "build it anew with `--full-refresh`",
    ):
        assert part in log, part
    assert "engine is" not in log
    project.run(full_refresh=True).raise_for_failures()
    assert table(server, "orders")[:4] == ("InnoDB", "compressed", "latin1_general_cs", 1)


def test_seeds_and_snapshots_have_keys_and_options(server: Warehouse) -> None:
    project = server.project(
        {
            "seeds/shops.csv": "id,name\n1,a\n2,b\n",
            "snapshots/history.sql": """
                {% snapshot history %}
                {{ config(unique_key='id', strategy='check', check_cols='all', engine='MyISAM') }}
                select * from {{ ref('shops') }}
                {% endsnapshot %}
            """,
            "seeds/seeds.yml": """
                seeds: [{name: shops, config: {primary_key: id, row_format: compact, charset: latin1}}]
            """,
        }
    )
    for _ in range(2):
        project.build().raise_for_failures()
        assert table(server, "shops")[:3] == ("InnoDB", "compact", table(server, "shops")[2])
        assert collations(server, "shops")["name"].startswith("latin1_")
        assert indexes(server, "shops") == {"PRIMARY": ("unique", "id")}
        assert table(server, "history")[0] == "MyISAM"


def test_wrong_options_are_told_before_anything_runs(duck: Warehouse) -> None:
    project = duck.project(
        {
            "models/one.sql": "{{ config(engine='Inno DB', row_format='compresed', primary_key=[]) }} select 1 as id",
            "models/two.sql": "{{ config(partition_by={'type': 'list', 'columns': 'id'}) }} select 1 as id",
            "models/three.sql": """
                {{ config(
                    partition_by={'type': 'hash', 'field': 'day', 'partitions': 4}, primary_key='id',
                    indexes=[{'columns': ['id'], 'unique': true, 'name': 'u'}, {'columns': ['id']}],
                ) }} select 1 as id, 2 as day
            """,
        }
    )
    with pytest.raises(hw.HeadwaterError) as error:
        project.run()
    text = str(error.value)
    for part in (
        "config `engine` of model `one` must be one word",
        "found `compresed`; did you mean `compressed`?",
        "config `primary_key` of model `one` must be the name of a column",
        "lists are written as text",
        "config `primary_key` of model `three` does not contain `day`",
        "has the unique `u` without `day`",
    ):
        assert part in text, text
    assert text.count("without `day`") == 1


def test_duckdb_has_keys_and_tells_of_the_rest(duck: Warehouse) -> None:
    project = duck.project(orders(OPTIONS))
    project.run().raise_for_failures()
    constraints = duck.rows(
        "select constraint_text from duckdb_constraints()"
        " where table_name = 'orders' and constraint_type = 'PRIMARY KEY'"
    )
    assert constraints == [("PRIMARY KEY(id, store_id)",)]
    log = (Path(project.project_dir) / "logs" / "dbt.log").read_text()
    assert "config `partition_by`, `engine`, `row_format`, `charset`, `collation`" in log
    project.run().raise_for_failures()


def test_rows_that_break_the_key_leave_the_old_table(warehouse: Warehouse) -> None:
    project = warehouse.project(orders("primary_key='id'"))
    project.run().raise_for_failures()
    doubled = orders("primary_key='id'")["models/orders.sql"] + " union all select 1, null, 8, 'b'"
    warehouse.project({"models/orders.sql": doubled})
    assert not project.run().success
    assert warehouse.rows(f"select store_id from {warehouse.schema}.orders") == [(7,)]


DOCUMENTED = """
    models:
      - name: orders
        description: All orders' rows
        config: {persist_docs: {relation: true, columns: true}}
        columns: [{name: id, description: The key}, {name: store_id, description: "Where"}]
      - name: recent
        description: A view
        config: {persist_docs: {relation: true, columns: true}}
    """


@pytest.mark.parametrize("materialized", ["table", "incremental"])
def test_comments_are_there_when_a_table_is_published_and_sent_once(materialized: str, server: Warehouse) -> None:
    files = {
        **orders("unique_key='id'", materialized),
        "models/recent.sql": "select id from {{ ref('orders') }}",
        "models/models.yml": DOCUMENTED,
    }
    project = server.project(files)

    def comments() -> dict[str, str]:
        rows = server.rows(
            "select column_name, column_comment from information_schema.columns"
            f" where table_schema = '{server.schema}' and table_name = 'orders' and column_comment <> ''"
        )
        return dict(rows) | {"": table(server, "orders")[4]}

    log = Path(project.project_dir) / "logs" / "dbt.log"
    for _ in range(2):
        project.run().raise_for_failures()
        assert comments() == {"id": "The key", "store_id": "Where", "": "All orders' rows"}
    # Only tables that nobody reads yet are altered for them.
    altered = [line for line in log.read_text().splitlines() if "alter table" in line and "comment" in line]
    assert altered
    assert all("__dbt_tmp" in line for line in altered)
    assert "stay in the docs: views here have none" in log.read_text()

    files["models/models.yml"] = DOCUMENTED.replace("The key", "Its key").replace("All orders' rows", "Orders")
    server.project(files)
    project.run().raise_for_failures()
    assert comments() == {"id": "Its key", "store_id": "Where", "": "Orders"}


def test_grants_follow_the_config_and_stay_with_the_name(server: Warehouse) -> None:
    names = {name: f"{server.schema}_{name}" for name in ("ann", "bob", "role")}
    people = f"'{names['ann']}', '{names['bob']}'@'localhost'"

    def grants(table: str) -> set[tuple[str, str]]:
        rows = server.rows(
            "select replace(grantee, '''', ''), lower(privilege_type) from information_schema.table_privileges"
            f" where table_schema = '{server.schema}' and table_name = '{table}'"
        )
        short = {name: key for key, name in names.items()}
        return {(short[grantee.split("@")[0]], privilege) for grantee, privilege in rows}

    def project(config: str) -> hw.Project:
        return server.project(
            {
                "models/orders.sql": f"{{{{ config(materialized='table', grants={config}) }}}} {ORDERS}",
                "models/rows.sql": f"{{{{ config(materialized='incremental', grants={config}) }}}} {ORDERS}",
                "models/recent.sql": f"{{{{ config(grants={config}) }}}} select id from {{{{ ref('orders') }}}}",
            }
        )

    ann, bob, role = names["ann"], f"{names['bob']}@localhost", names["role"]
    server.rows(f"create user {people}")
    server.rows(f"create role '{role}'")
    try:
        first = project(f"{{'select': ['{ann}', '{role}'], 'insert': ['{bob}']}}")
        for _ in range(2):
            first.run().raise_for_failures()
            for name in ("orders", "rows", "recent"):
                assert grants(name) == {("ann", "select"), ("role", "select"), ("bob", "insert")}, name
        log = (Path(first.project_dir) / "logs" / "dbt.log").read_text()
        assert log.count("grant select on") == 3
        project(f"{{'select': ['{bob}']}}").run().raise_for_failures()
        for name in ("orders", "rows", "recent"):
            assert grants(name) == {("bob", "select")}, name
        text = project("{'select': ['nobody_of_that_name']}").run(select="orders").failed[0].explain()
        assert "the user or role of config `grants` does not exist" in text
        text = project(f"{{'all': ['{ann}']}}").run(select="orders").failed[0].explain()
        assert "list the privileges" in text
    finally:
        server.rows(f"drop user {people}")
        server.rows(f"drop role '{role}'")
