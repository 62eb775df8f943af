"""What the built-in macros make of the same project on every database."""

from __future__ import annotations

import threading
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse

SEED_TYPES = """
    seeds:
      - name: people
        config:
          column_types:
            id: int
            name: varchar(20)
            changed_at: "{{ 'timestamp' if target.type == 'duckdb' else 'datetime' }}"
"""


def people(rows: str) -> dict[str, str]:
    return {"seeds/people.csv": "id,name,changed_at\n" + rows, "seeds/seeds.yml": SEED_TYPES}


PEOPLE = people("1,ann,2024-01-01 00:00:00\n2,bob,2024-01-02 00:00:00\n")


def run(warehouse: Warehouse, files: dict[str, str], **options: Any) -> hw.RunResults:
    results = warehouse.project(files).build(**options)
    results.raise_for_failures()
    return results


def ordered(warehouse: Warehouse, columns: str, table: str) -> list[tuple[Any, ...]]:
    rows = warehouse.rows(f"select {columns} from {warehouse.schema}.{table}")
    return sorted(tuple("" if cell is None else str(cell) for cell in row) for row in rows)


SNAPSHOTS = {
    "snapshots/people.yml": """
        snapshots:
          - name: by_time
            relation: ref('people')
            config: {unique_key: id, strategy: timestamp, updated_at: changed_at, hard_deletes: new_record}
          - name: by_check
            relation: ref('people')
            config:
              unique_key: [id, name]
              strategy: check
              check_cols: all
              hard_deletes: new_record
              dbt_valid_to_current: "'9999-12-31'"
              snapshot_meta_column_names: {dbt_valid_to: until, dbt_is_deleted: gone}
    """,
}


def test_snapshots_record_deletes_and_returns(warehouse: Warehouse) -> None:
    run(warehouse, people("1,ann,2024-01-01 00:00:00\n2,bob,2024-01-02 00:00:00\n") | SNAPSHOTS)
    run(warehouse, people("1,Anna,2024-02-01 00:00:00\n") | SNAPSHOTS)
    run(warehouse, people("1,Anna,2024-02-01 00:00:00\n2,bob,2024-03-01 00:00:00\n") | SNAPSHOTS)
    history = ordered(warehouse, "id, name, dbt_is_deleted, case when dbt_valid_to is null then 'open' end", "by_time")
    assert history == [
        ("1", "Anna", "False", "open"),
        ("1", "ann", "False", ""),
        ("2", "bob", "False", ""),
        ("2", "bob", "False", "open"),
        ("2", "bob", "True", ""),
    ]
    history = ordered(warehouse, "id, name, gone, extract(year from until) = 9999", "by_check")
    assert [(*row[:3], row[3] in ("1", "True")) for row in history] == [
        ("1", "Anna", "False", True),
        ("1", "ann", "False", False),
        ("1", "ann", "True", True),
        ("2", "bob", "False", False),
        ("2", "bob", "False", True),
        ("2", "bob", "True", False),
    ]


def growing(on_schema_change: str, columns: str) -> dict[str, str]:
    settings = f"materialized='incremental', unique_key=['id', 'name'], on_schema_change='{on_schema_change}'"
    model = f"{{{{ config({settings}) }}}} select {columns} from {{{{ ref('people') }}}}"
    return people("1,ann,2024-01-01 00:00:00\n") | {"models/growing.sql": model}


@pytest.mark.parametrize(
    ("on_schema_change", "columns"),
    [("append_new_columns", ["id", "name", "changed_at", "more"]), ("sync_all_columns", ["id", "name", "more"])],
)
def test_incremental_models_follow_their_columns(
    warehouse: Warehouse, on_schema_change: str, columns: list[str]
) -> None:
    run(warehouse, growing(on_schema_change, "id, name, changed_at"))
    run(warehouse, growing(on_schema_change, "id, name, 'x' as more"))
    found = warehouse.rows(
        "select column_name from information_schema.columns"
        f" where table_schema = '{warehouse.schema}' and table_name = 'growing' order by ordinal_position"
    )
    assert [name for (name,) in found] == columns
    assert ordered(warehouse, "id, name, more", "growing") == [("1", "ann", "x")]


def test_a_changed_column_fails_when_asked_to(warehouse: Warehouse) -> None:
    run(warehouse, growing("fail", "id, name, changed_at"))
    results = warehouse.project(growing("fail", "id, name, 'x' as more")).build()
    (failed,) = [result for result in results if result.status == "error"]
    assert "more" in failed.message
    assert "changed_at" in failed.message


def test_strategies_the_database_lacks_are_refused_on_the_first_run(duck: Warehouse) -> None:
    settings = "materialized='incremental', incremental_strategy='insert_overwrite', unique_key='n'"
    results = duck.project({"models/m.sql": f"{{{{ config({settings}) }}}} select 1 as n"}).run()
    (failed,) = results
    assert failed.status == "error"
    assert "`incremental_strategy: insert_overwrite` is not supported" in failed.message


def test_duckdb_merges(duck: Warehouse) -> None:
    model = "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}"
    model += "select id, {{ 'upper(name)' if is_incremental() else 'name' }} as name from {{ ref('people') }}"
    files = PEOPLE | {"models/merged.sql": model}
    run(duck, files)
    run(duck, files)
    assert ordered(duck, "id, name", "merged") == [("1", "ANN"), ("2", "BOB")]


CONTRACT = {
    "models/strict.sql": "select name, id from {{ ref('people') }}",
    "models/strict.yml": """
        models:
          - name: strict
            description: It's strict
            config:
              materialized: table
              contract: {enforced: true}
              persist_docs: {relation: true, columns: true}
              indexes: [{columns: [name]}, {columns: [id], unique: true}]
            columns:
              - {name: id, data_type: int, constraints: [{type: not_null}], description: the person's number}
              - {name: name, data_type: varchar(20)}
    """,
}


def test_contracts_order_columns_and_refuse_nulls(warehouse: Warehouse) -> None:
    for _ in range(2):
        run(warehouse, people("1,ann,2024-01-01 00:00:00\n") | CONTRACT)
    assert warehouse.rows(f"select * from {warehouse.schema}.strict") == [(1, "ann")]
    results = warehouse.project(people("1,ann,2024-01-01 00:00:00\n,bob,\n") | CONTRACT).build()
    assert [result.name for result in results if result.status == "error"] == ["strict"]
    # What was there is still there.
    assert warehouse.rows(f"select * from {warehouse.schema}.strict") == [(1, "ann")]


STAMP = "\"cast('2024-05-15 13:45:50' as \" ~ dbt.type_timestamp() ~ ')'"
EXPRESSIONS = {
    f"dbt.date_trunc('week', {STAMP})": "2024-05-13 00:00:00",
    f"dbt.date_trunc('quarter', {STAMP})": "2024-04-01 00:00:00",
    f"dbt.dateadd('hour', -14, {STAMP})": "2024-05-14 23:45:50",
    f"dbt.last_day({STAMP}, 'quarter')": "2024-06-30",
    f"dbt.datediff(dbt.date(2023, 12, 31), {STAMP}, 'week')": "20",
    f"dbt.datediff(dbt.date(2023, 12, 31), {STAMP}, 'year')": "1",
    "dbt.concat([\"'a'\", \"'b'\"])": "ab",
    "dbt.length(\"'h\u00e9'\")": "2",
    "dbt.split_part(\"'a|b|c'\", \"'|'\", 2)": "b",
    "dbt.split_part(\"'a|b|c'\", \"'|'\", 9)": "",
    "dbt.split_part(\"'a|b|c'\", \"'|'\", -1)": "c",
    "dbt.position(\"'b'\", \"'abc'\")": "2",
    "dbt.right(\"'abc'\", 2)": "bc",
    "dbt.hash(\"'abc'\")": "900150983cd24fb0d6963f7d28e17f72",
    "dbt.safe_cast(\"'12'\", dbt.type_int())": "12",
    "dbt.cast_bool_to_text('1 = 1')": "true",
    "dbt.listagg('name', \"';'\", 'order by name desc')": "bob;ann",
    "dbt.listagg('name', \"','\", 'order by name', 1)": "ann",
    "dbt.any_value('7')": "7",
}


def test_the_same_expressions_mean_the_same(warehouse: Warehouse) -> None:
    columns = ", ".join(f"{{{{ {call} }}}} as c{at}" for at, call in enumerate(EXPRESSIONS))
    run(warehouse, PEOPLE | {"models/e.sql": f"select {columns} from {{{{ ref('people') }}}}"})
    (row,) = warehouse.rows(f"select * from {warehouse.schema}.e")
    found = {call: str(cell).removesuffix(".000000") for call, cell in zip(EXPRESSIONS, row)}
    assert found == EXPRESSIONS


def test_date_spines_stop_before_their_end(warehouse: Warehouse) -> None:
    run(warehouse, {"models/days.sql": "{{ dbt.date_spine('day', dbt.date(2024, 2, 27), dbt.date(2024, 3, 2)) }}"})
    days = [str(day)[:10] for (day,) in warehouse.rows(f"select date_day from {warehouse.schema}.days order by 1")]
    assert days == ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"]


SWAPPED = {
    **PEOPLE,
    "models/as_table.sql": "{{ config(materialized='table') }} select * from {{ ref('people') }}",
    "models/as_view.sql": "select * from {{ ref('people') }}",
    "models/turning.sql": "{{ config(materialized=var('turning', 'view')) }} select * from {{ ref('people') }}",
    "models/growing.sql": "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('people') }}",
}


def test_readers_never_miss_a_relation(server: Warehouse) -> None:
    project = server.project(SWAPPED)
    project.build().raise_for_failures()
    done, seen = threading.Event(), []

    def read() -> None:
        connection = server.connect()
        cursor = connection.cursor()
        while not done.is_set():
            for name in ("people", "as_table", "as_view", "turning", "growing"):
                try:
                    cursor.execute(f"select count(*) from {server.schema}.{name}")
                    seen.append((name, cursor.fetchone()[0]))
                except Exception as error:
                    seen.append((name, error))
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turning in ("table", "view"):
            turned = server.project(SWAPPED, vars={"turning": turning})
            turned.build(full_refresh=turning == "table").raise_for_failures()
    finally:
        done.set()
        reader.join()
    assert {count for _, count in seen} == {2}


def test_leftovers_of_a_killed_run_are_cleared(server: Warehouse) -> None:
    project = server.project(SWAPPED)
    project.build().raise_for_failures()
    for name in ("people__dbt_tmp", "as_table__dbt_backup", "as_table__dbt_tmp", "growing__dbt_tmp"):
        server.rows(f"create table {server.schema}.{name} (n int)")
    server.rows(f"create view {server.schema}.turning__dbt_backup as select 1 as n")
    project.build().raise_for_failures()
    names = server.rows(f"select table_name from information_schema.tables where table_schema = '{server.schema}'")
    assert sorted(name for (name,) in names) == ["as_table", "as_view", "growing", "people", "turning"]
