"""Results, events and tables as Python sees them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import headwater as hw
import polars
import pytest
from conftest import Warehouse

MODELS = {
    "models/one.sql": "{{ config(materialized='table') }} select 1 as n union all select 2",
    "models/two.sql": "select n from {{ ref('one') }}",
    "models/models.yml": "models: [{name: two, columns: [{name: n, data_tests: [not_null]}]}]",
}


def test_results_are_read_in_many_ways(duck: Warehouse):
    results = duck.project(MODELS).build()
    assert results.success
    assert bool(results)
    assert len(results) == 3
    assert [result.name for result in results] == [result.name for result in results.results]
    one = results["one"]
    assert results["model.shop.one"].unique_id == one.unique_id == results[0].unique_id
    assert (one.status, one.resource_type, one.path) == ("success", "model", "models/one.sql")
    assert one.relation_name.endswith('"one"')
    assert "select 1 as n" in one.compiled_code
    assert {phase["name"] for phase in one.timing} == {"compile", "execute"}
    assert one.execution_time > 0
    assert results.counts == {"success": 2, "pass": 1}
    assert results.to_dict()["results"][0]["unique_id"] == "model.shop.one"
    with pytest.raises(KeyError):
        results["three"]
    with pytest.raises(IndexError):
        results[3]


def test_results_show_themselves(duck: Warehouse):
    results = duck.project({**MODELS, "models/two.sql": "select <oops> from {{ ref('one') }}"}).build()
    assert "1 error" in repr(results)
    assert "two" in repr(results)
    assert "<table>" in results._repr_html_()
    assert "<oops>" not in results._repr_html_()


def test_events_come_in_order_on_the_calling_thread(duck: Warehouse):
    import threading

    heard: list[tuple[str, int]] = []
    project = duck.project(MODELS, callbacks=[lambda event: heard.append((event.info.name, threading.get_ident()))])
    project.build()
    names = [name for name, _ in heard]
    assert names[0] == "MainReportVersion"
    assert names.count("NodeStart") == names.count("NodeFinished") == 3
    assert names[-1] == "CommandCompleted"
    assert {thread for _, thread in heard} == {threading.get_ident()}


TYPES = """
select 1::tinyint as i, 18446744073709551615::ubigint as u, 1.5::double as f, 12.30::decimal(10, 2) as d, 'Zoë' as s,
       true as b, null as n, date '2024-02-29' as day, timestamp '2024-02-29 12:30:00.25' as at,
       timestamptz '2024-02-29 12:30:00+00' as tz, time '23:59:59' as t, 'x'::blob as bytes,
       [1, 2] as list, {'a': 1, 'b': 'c'} as struct, map {'k': 1} as m, 'a'::enum('a', 'b') as e,
       interval '36 hours' as iv, 170141183460469231731687303715884105727::hugeint as h
"""


def test_every_type_of_duckdb_arrives(duck: Warehouse):
    table = duck.project({"models/a.sql": "select 1 as n"}).query(TYPES)
    [row] = table.to_dicts()
    assert row["i"] == 1
    assert row["u"] == 2**64 - 1
    assert (row["f"], row["d"], row["s"], row["b"], row["n"]) == (1.5, Decimal("12.30"), "Zoë", True, None)
    assert (row["day"], row["t"]) == (dt.date(2024, 2, 29), dt.time(23, 59, 59))
    assert row["at"] == dt.datetime(2024, 2, 29, 12, 30, 0, 250000)
    assert row["tz"] == dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.timezone.utc)
    assert (row["bytes"], row["list"], row["struct"]) == (b"x", [1, 2], {"a": 1, "b": "c"})
    assert (row["m"], row["e"], row["iv"]) == ({"k": 1}, "a", dt.timedelta(hours=36))
    assert row["h"] == Decimal("170141183460469231731687303715884105727")


def test_tables_go_everywhere_without_pyarrow(duck: Warehouse):
    rows = duck.project({"models/a.sql": "select 1 as n"}).query(
        "select range as n, 'row ' || range as name, case when range > 1 then range end as some from range(3)"
    )
    assert rows.fetchall() == [(0, "row 0", None), (1, "row 1", None), (2, "row 2", 2)]
    assert rows.to_polars().equals(polars.DataFrame(rows))
    assert duckdb.sql("select sum(n) from rows").fetchall() == [(3,)]
    frame = rows.to_pandas()
    assert list(frame.columns) == ["n", "name", "some"]
    assert frame["n"].dtype == "int64"
    assert frame["some"].dtype == "Int64"
    assert len(rows) == 3
    assert "(3 rows)" in repr(rows)
    assert "<td>row 1</td>" in rows._repr_html_()


def test_an_empty_table_has_its_columns(duck: Warehouse):
    table = duck.project({"models/a.sql": "select 1 as n"}).query("select 1 as n, 'x' as s where false")
    assert table.columns == ["n", "s"]
    assert table.fetchall() == []
    assert list(table.to_pandas().columns) == ["n", "s"]


def test_more_rows_than_a_preview(duck: Warehouse):
    project = duck.project({"models/a.sql": "select range as n from range(100)"})
    project.run().raise_for_failures()
    assert len(project.show("a")) == 5
    assert len(project.show("a", limit=-1)) == 100
    assert len(project.query("select * from {{ ref('a') }}")) == 100


def test_a_connection_of_the_notebook_is_shared(duck: Warehouse):
    connection = duckdb.connect(str(duck.path))
    connection.execute("create table mine as select 42 as n")
    project = duck.project({"models/a.sql": "select n from main.mine"}, connection=connection)
    project.build().raise_for_failures()
    assert connection.execute(f"select n from {duck.schema}.a").fetchall() == [(42,)]


def test_the_profiles_path_may_be_open_in_the_notebook(duck: Warehouse):
    with duckdb.connect(str(duck.path)) as connection:
        connection.execute("create table mine as select 42 as n")
        duck.project(
            {"models/a.sql": "{{ config(materialized='table') }} select n from main.mine"}
        ).build().raise_for_failures()
        assert connection.execute(f"select n from {duck.schema}.a").fetchall() == [(42,)]


def test_a_connection_on_another_database_is_refused(duck: Warehouse):
    project = duck.project({"models/a.sql": "select 1 as n"}, connection=duckdb.connect())
    with pytest.raises(hw.DatabaseError, match="the profile's path is"):
        project.build()


def test_the_file_is_free_between_commands(duck: Warehouse):
    import subprocess
    import sys

    project = duck.project({"models/a.sql": "{{ config(materialized='table') }} select 1 as n"})
    project.build().raise_for_failures()
    program = f"import duckdb; duckdb.connect({str(duck.path)!r}).execute('create table other (n int)')"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_memory_lives_as_long_as_the_project(duck: Warehouse):
    import json

    output = {"type": "duckdb", "path": ":memory:", "schema": "main"}
    files = {
        "models/a.sql": "{{ config(materialized='table') }} select 7 as n",
        "profiles.yml": json.dumps({"shop": {"target": "test", "outputs": {"test": output}}}),
    }
    project = duck.project(files)
    project.run().raise_for_failures()
    assert project.query("select n from {{ ref('a') }}").fetchall() == [(7,)]
