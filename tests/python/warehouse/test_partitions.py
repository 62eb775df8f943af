"""Config `partition_by` with a `field`: the partitions of a table are made for the rows that arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse

BY_DAY = "{'field': 'day', 'data_type': 'date'}"
BY_MONTH = "{'field': 'day', 'data_type': 'date', 'granularity': 'month'}"


DAYS = "id, cast(day as date) as `day`, n"


def sales(config: str, partition_by: str = BY_DAY, columns: str = DAYS) -> dict[str, str]:
    head = f"{{{{ config(materialized='incremental', partition_by={partition_by}, {config}) }}}}"
    return {"models/sales.sql": f"{head}\nselect {columns} from {{{{ target.schema }}}}.raw\n"}


def raw(server: Warehouse, *rows: tuple[int, str | None, int]) -> None:
    server.rows(f"create schema if not exists {server.schema}")
    server.rows(f"create table if not exists {server.schema}.raw (id int, day varchar(26), n int)")
    server.rows(f"delete from {server.schema}.raw")
    for id, day, n in rows:
        server.rows(f"insert into {server.schema}.raw values ({id}, {'null' if day is None else repr(day)}, {n})")


def content(server: Warehouse, table: str = "sales") -> list[tuple[Any, ...]]:
    return [(row[0], str(row[1]), row[2]) for row in server.rows(f"select * from {server.schema}.{table} order by id")]


def partitions(server: Warehouse, table: str = "sales") -> dict[str, int]:
    """The partitions of a table in their order, with how many rows each really has."""
    names = server.rows(
        "select partition_name from information_schema.partitions"
        f" where table_schema = '{server.schema}' and table_name = '{table}' and partition_name is not null"
        " order by partition_ordinal_position"
    )
    count = "select count(*) from {}.{} partition (`{}`)"
    return {name: server.rows(count.format(server.schema, table, name))[0][0] for (name,) in names}


def warnings(project: hw.Project) -> list[str]:
    """What the next run warns of."""
    log = Path(project.project_dir) / "logs" / "dbt.log"
    before = log.read_text() if log.exists() else ""
    project.run().raise_for_failures()
    lines = log.read_text().removeprefix(before).splitlines()
    return [line for line in lines if "is not what its config says" in line]


def relations(server: Warehouse) -> set[str]:
    query = f"select table_name from information_schema.tables where table_schema = '{server.schema}'"
    return {name for (name,) in server.rows(query)}


@pytest.mark.parametrize("strategy", ["append", "delete+insert", "merge"])
def test_the_partitions_of_arriving_rows_are_made(server: Warehouse, strategy: str) -> None:
    raw(server, (1, "2024-01-05", 1), (2, "2024-01-07", 1), (3, None, 1))
    config = f"incremental_strategy='{strategy}'" + ("" if strategy == "append" else ", unique_key='id'")
    project = server.project(sales(config))
    project.run().raise_for_failures()
    assert partitions(server) == {
        "p_null": 1, "before_20240105": 0, "p20240105": 1, "p20240106": 0, "p20240107": 1,
    }  # fmt: skip
    # A later day, one long ago, the last of all; and a row that moves to another day where there are keys.
    raw(server, (2, "2024-01-08", 2), (4, "2023-12-31", 2), (5, "9999-12-31", 2))
    project.run().raise_for_failures()
    found = partitions(server)
    moved = 1 if strategy == "append" else 0
    assert {name: rows for name, rows in found.items() if rows} == (
        {"p_null": 1, "p20231231": 1, "p20240105": 1, "p20240108": 1, "p99991231": 1}
        | ({"p20240107": 1} if moved else {})
    )
    assert len(content(server)) == 5 + moved
    # What needs no new partition changes none.
    raw(server, (6, "2024-01-08", 3))
    project.run().raise_for_failures()
    assert list(partitions(server)) == list(found)
    project.run(full_refresh=True).raise_for_failures()
    assert partitions(server) == {"p_null": 0, "before_20240108": 0, "p20240108": 1}
    assert relations(server) == {"raw", "sales"}


COLUMNS = {
    "hour": (
        "{'field': 'day', 'data_type': 'datetime', 'granularity': 'hour'}",
        "id, cast(day as datetime(6)) as `day`, n",
        [("2024-02-29 23:59:59.999999", "p2024022923"), ("2024-03-01 00:00:00", "p2024030100")],
    ),
    "month": (
        "{'field': 'DAY', 'data_type': 'timestamp', 'granularity': 'month'}",
        "id, cast(day as datetime) as `day`, n",
        [("2024-02-29 23:59:59", "p202402"), ("2024-12-31 01:00:00", "p202412")],
    ),
    "year": (
        "{'field': 'day', 'data_type': 'date', 'granularity': 'year'}",
        DAYS,
        [("1999-12-31", "p1999"), ("2024-01-01", "p2024")],
    ),
    "int": (
        "{'field': 'n', 'data_type': 'int', 'range': {'start': -20, 'end': 35, 'interval': 10}}",
        "id, day, cast(day as signed) as n",
        [("-21", "p_null"), ("-20", "p-20"), ("-1", "p-10"), ("0", "p0"), ("34", "p30"), ("35", "p35"), ("99", "p35")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", COLUMNS)
def test_times_and_numbers_have_partitions_of_their_own_step(server: Warehouse, kind: str) -> None:
    partition_by, columns, days = COLUMNS[kind]
    project = server.project(sales("incremental_strategy='insert_overwrite'", partition_by, columns))
    raw(server, (0, days[0][0], 0))
    project.run().raise_for_failures()
    for number in (1, 2):
        raw(server, *((id, day, number) for id, (day, _) in enumerate(days)))
        project.run().raise_for_failures()
        expected: dict[str, int] = {}
        for _, name in days:
            expected[name] = expected.get(name, 0) + 1
        assert {name: rows for name, rows in partitions(server).items() if rows} == expected
    assert warnings(project) == []


def test_timestamps_are_divided_in_utc_whatever_the_zone_of_the_session(server: Warehouse) -> None:
    raw(server)
    server.rows(f"create table {server.schema}.events (id int, at timestamp(3) null)")
    config = "partition_by={'field': 'at', 'data_type': 'timestamp', 'granularity': 'hour'}"
    project = server.project(
        {
            "models/sales.sql": f"{{{{ config(materialized='incremental', sql_header=var('zone'), {config},"
            " incremental_strategy='insert_overwrite') }}"
            "select id, at from {{ target.schema }}.events"
        },
        vars={"zone": "set time_zone = '+00:00';"},
    )
    # 2024-01-05 23:30 UTC
    server.rows(f"insert into {server.schema}.events select 1, from_unixtime(1704497400.5)")
    server.rows(f"insert into {server.schema}.events values (2, null)")
    project.run().raise_for_failures()
    assert partitions(server) == {"p_null": 1, "before_2024010523": 0, "p2024010523": 1}
    hw.Project(project.project_dir, vars={"zone": "set time_zone = '+05:30';"}).run().raise_for_failures()
    assert partitions(server) == {"p_null": 1, "before_2024010523": 0, "p2024010523": 1}
    assert [id for (id,) in server.rows(f"select id from {server.schema}.sales order by id")] == [1, 2]


@pytest.mark.parametrize("more", ["", ", publish='tested'"])
def test_ranges_of_new_rows_are_replaced_and_readers_see_none_empty(server: Warehouse, more: str) -> None:
    raw(server, (1, "2024-01-05", 1), (2, "2024-01-20", 1), (3, "2024-02-05", 1), (4, None, 1))
    project = server.project(sales("incremental_strategy='insert_overwrite'" + more, BY_MONTH))
    project.run().raise_for_failures()
    with server.reading(f"select count(*) from {server.schema}.sales where day >= '2024-02-01'") as counts:
        for number in range(2, 5):
            raw(server, (5, "2024-02-07", number))
            project.run().raise_for_failures()
    assert counts == {1}
    raw(server, (6, "2024-01-07", 6), (7, "2024-05-08", 6), (8, None, 6))
    project.run().raise_for_failures()
    assert content(server) == [
        (5, "2024-02-07", 4), (6, "2024-01-07", 6), (7, "2024-05-08", 6), (8, "None", 6),
    ]  # fmt: skip
    raw(server)
    project.run().raise_for_failures()
    assert len(content(server)) == 4
    assert relations(server) == {"raw", "sales"}


@pytest.mark.parametrize("more", ["", ", publish='tested'"])
def test_given_partitions_are_replaced_also_where_no_row_is_new(server: Warehouse, more: str) -> None:
    first = [(1, "2024-01-05", 1), (2, "2024-02-05", 1), (3, "2024-03-05", 1)]
    raw(server, *first)
    config = "incremental_strategy='insert_overwrite', partitions=var('given')" + more
    project = server.project(sales(config, BY_MONTH), vars={"given": ["2024-02", "date('2024-03-01')"]})
    project.run().raise_for_failures()
    assert content(server) == first
    raw(server, (4, "2024-03-20", 2))
    project.run().raise_for_failures()
    assert content(server) == [first[0], (4, "2024-03-20", 2)]
    raw(server, (4, "2024-03-20", 3), (5, "2024-04-20", 3), (6, "2024-05-20", 3))
    (failed,) = project.run()
    told = failed.explain()
    assert "config `partitions` of model `sales` does not have all partitions that new rows belong to" in told
    assert "2024-04-01, 2024-05-01" in told
    assert "models/sales.sql:1" in told
    assert content(server) == [first[0], (4, "2024-03-20", 2)]


def test_tables_seeds_and_snapshots_have_them_too(server: Warehouse) -> None:
    raw(server, (1, "2024-01-05", 1))
    project = server.project(
        {
            "models/whole.sql": f"{{{{ config(materialized='table', partition_by={BY_MONTH}, primary_key=['id', 'day'],"
            " indexes=[{'columns': ['n']}], charset='latin1') }}"
            "select id, cast(day as date) as `day`, n from {{ target.schema }}.raw",
            "models/strict.sql": f"{{{{ config(materialized='table', partition_by={BY_MONTH}) }}}}"
            "select id, cast(day as date) as `day` from {{ target.schema }}.raw",
            "models/schema.yml": """
                models:
                  - name: strict
                    config: {contract: {enforced: true}}
                    constraints: [{type: primary_key, columns: [id, day]}]
                    columns: [{name: id, data_type: int}, {name: day, data_type: date}]
            """,
            "seeds/days.csv": "id,day\n1,2024-01-05\n",
            "seeds/seeds.yml": """
                seeds:
                  - name: days
                    config:
                      column_types: {day: date}
                      partition_by: {field: day, granularity: month}
            """,
            "snapshots/history.sql": """
                {% snapshot history %}
                {{ config(target_schema=target.schema, unique_key='id', strategy='check', check_cols=['n'],
                          partition_by={'field': 'day', 'data_type': 'date', 'granularity': 'month'}) }}
                select id, cast(day as date) as `day`, n from {{ target.schema }}.raw
                {% endsnapshot %}
            """,
        }
    )
    tables = ["whole", "strict", "days", "history"]
    project.build().raise_for_failures()
    for table in tables:
        assert partitions(server, table) == {"p_null": 0, "before_202401": 0, "p202401": 1}, table
    raw(server, (1, "2024-03-05", 2))
    (Path(project.project_dir) / "seeds" / "days.csv").write_text("id,day\n1,2024-01-05\n2,2024-03-05\n")
    project.build().raise_for_failures()
    new = {"p_null": 0, "before_202403": 0, "p202403": 1}
    both = {"p_null": 0, "before_202401": 0, "p202401": 1, "p202402": 0, "p202403": 1}
    assert [partitions(server, table) for table in tables] == [new, new, both, both]


def test_batches_make_their_partitions(server: Warehouse) -> None:
    days = [(number, f"2024-01-{number:02}", 1) for number in range(1, 21)]
    raw(server, *days)
    project = server.project(
        {
            "models/days.sql": "{{ config(event_time='day') }}"
            "select id, cast(day as datetime) as `day`, n from {{ target.schema }}.raw",
            "models/sales.sql": f"""
                {{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day',
                           begin='2024-01-01', batch_size='day', concurrent_batches=true,
                           partition_by={BY_DAY}) }}}}
                select * from {{{{ ref('days') }}}}
            """,
        }
    )
    project.run(event_time_start="2024-01-01", event_time_end="2024-01-21").raise_for_failures()
    names = [f"p{day.replace('-', '')}" for _, day, _ in days]
    assert partitions(server) == {"p_null": 0, "before_20240101": 0} | dict.fromkeys(names, 1)
    log = Path(project.project_dir) / "logs" / "dbt.log"
    assert "the batches of model `sales` run one after the other" in log.read_text()

    # With months from now on, the days become one. The difference is told once, not by each batch.
    text = Path(project.project_dir) / "models" / "sales.sql"
    text.write_text(text.read_text().replace(BY_DAY, f"{BY_MONTH}, row_format='compact'"))
    log.unlink()
    project.run(event_time_start="2024-01-01", event_time_end="2024-01-04").raise_for_failures()
    assert partitions(server) == {"p_null": 0, "before_20240101": 0, "p202401": 20}
    (told,) = [line for line in log.read_text().splitlines() if "is not what its config says" in line]
    assert "row_format is dynamic, not compact; partitions are not of one month each: `p20240101`" in told


def test_partitions_that_were_made_by_hand_are_used(server: Warehouse) -> None:
    """A table with text partitions goes on with ranges: what the rows need is cut out of what is there."""
    raw(server, (1, "2023-05-05", 1), (2, "2024-02-05", 1))
    bounds = "partition p2023 values less than ('2024-01-01'), partition rest values less than (maxvalue)"
    text = f"range columns (day) ({bounds})"
    server.project(sales("incremental_strategy='insert_overwrite'", repr(text))).run().raise_for_failures()
    project = server.project(sales("incremental_strategy='insert_overwrite'", BY_MONTH))
    raw(server, (3, "2024-03-05", 2))
    (warning,) = warnings(project)
    assert partitions(server) == {"p2023": 1, "before_202403": 1, "p202403": 1, "p_later": 0}
    assert len(content(server)) == 3
    assert "partitions are not of one month each: `p2023`, `rest`" in warning
    assert "--full-refresh" in warning
    project.run(full_refresh=True).raise_for_failures()
    assert warnings(project) == []


def test_other_partitions_than_declared_are_told(server: Warehouse) -> None:
    raw(server, (1, "2024-01-05", 1))
    texts = {
        "hash": "{'type': 'hash', 'columns': ['id'], 'partitions': 2}",
        "more": "{'type': 'hash', 'columns': ['id'], 'partitions': 4}",
        "key": "{'type': 'key', 'columns': ['id'], 'partitions': 2}",
        "text": "'range columns (id) (partition p1 values less than (10), partition p2 values less than (maxvalue))'",
        "bounds": "'range columns (id) (partition p1 values less than (20), partition p2 values less than (maxvalue))'",
        "names": "'range columns (id) (partition p0 values less than (0), partition p1 values less than (10))'",
        "ranges": BY_DAY,
    }

    def project(name: str) -> hw.Project:
        return server.project(sales("incremental_strategy='append'", texts[name]))

    for first, other, problem in [
        ("hash", "more", "it has 2 partitions, not 4"),
        ("hash", "key", "it is partitioned by hash (id), not by key (id)"),
        ("text", "bounds", "its partition `p1` ends at 10, not at 20"),
        ("text", "names", "it does not have the partition `p0`"),
        ("text", "ranges", "it is partitioned by range columns (id), not by range columns (`day`)"),
    ]:
        project(first).run(full_refresh=True).raise_for_failures()
        assert warnings(project(first)) == []
        (told,) = warnings(project(other))
        assert problem in told, told
        assert "--full-refresh" in told
        project(other).run(full_refresh=True).raise_for_failures()
        assert warnings(project(other)) == []


def test_a_column_that_cannot_be_partitioned_is_told_with_its_place(server: Warehouse) -> None:
    raw(server, (1, "2024-01-05", 1))
    for partition_by, columns, problem in [
        ("{'field': 'dya'}", DAYS, "did you mean `day`?"),
        ("{'field': 'day'}", "id, day, n", "ranges are of dates, times or integers"),
        ("{'field': 'n'}", "id, day, n", "which is `int"),
        ("{'field': 'day', 'data_type': 'datetime', 'granularity': 'hour'}", DAYS, "no hours"),
        (
            "{'field': 'n', 'range': {'start': 0, 'end': 10000, 'interval': 1}}",
            "seq as id, null as day, seq as n",
            "more partitions than a table can have, 8192",
        ),
    ]:  # fmt: skip
        files = sales("", partition_by, columns)
        if "seq" in columns:
            files["models/sales.sql"] = files["models/sales.sql"].replace("\nselect", "\n" + NUMBERS + "\nselect")
            files["models/sales.sql"] = files["models/sales.sql"].replace("{{ target.schema }}.raw", "numbers")
        (failed,) = server.project(files).run()
        told = failed.explain()
        assert failed.diagnostic["code"] == "invalid-config", told
        assert problem in told, told
        assert "models/sales.sql:1" in told
        assert relations(server) == {"raw"}


NUMBERS = """with digits as (
    select 0 as d union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
), numbers as (
    select a.d + 10 * b.d + 100 * c.d + 1000 * e.d as seq
    from digits as a cross join digits as b cross join digits as c cross join digits as e
)"""


def test_what_cannot_be_is_told_before_anything_runs(duck: Warehouse) -> None:
    project = duck.project(
        {
            "models/a.sql": "{{ config(partition_by={'field': 'day', 'granularity': 'week'}) }} select 1 as id",
            "models/b.sql": f"{{{{ config(partition_by={BY_DAY}, primary_key='id',"
            " indexes=[{'columns': ['id'], 'unique': true, 'name': 'u'}]) }} select 1 as id",
            "models/c.sql": f"{{{{ config(materialized='table', partition_by={BY_DAY}) }}}} select 1 as id",
            "models/d.sql": "{{ config(materialized='incremental', incremental_strategy='insert_overwrite',"
            " partition_by='range (id) (partition p values less than (1))', partitions=['1']) }} select 1 as id",
            "models/schema.yml": """
                models:
                  - name: c
                    config: {contract: {enforced: true}}
                    constraints: [{type: foreign_key, columns: [id], to: ref('b'), to_columns: [id]}]
                    columns:
                      - {name: id, data_type: int, constraints: [{type: unique}]}
                      - {name: day, data_type: date}
                  - name: e
                    config:
                      primary_key: id
                      partition_by:
                        field: day
                        granularity: day
                  - name: f
                    config: {engine: in no}
            """,
            "models/e.sql": "select 1 as id",
            "models/f.sql": "select 1 as id",
            "models/g.sql": "{{ config(partition_by='range (year(`day`)) (partition p values less than (2024))',"
            " primary_key='id') }} select 1 as id",
        }
    )
    with pytest.raises(hw.HeadwaterError) as raised:
        project.run()
    told = str(raised.value)
    for part in (
        "has a `granularity` that is none of hour, day, month, year: `week`",
        "config `primary_key` of model `b` does not contain `day`",
        "has the unique `u` without `day`",
        "config `primary_key` of model `g` does not contain `day`",
        "config `constraints` of model `c` have the unique key `id` without `day`",
        "config `constraints` of model `c` cannot be used together with `partition_by`",
        "config `partitions` of model `d` needs a `partition_by` with a `field`",
        "config `primary_key` of model `e` does not contain `day`: each unique key of a partitioned table contains all"
        " columns of `partition_by`\n  --> models/schema.yml:11:",
        'config `engine` of model `f` must be one word, found `"in no"`\n  --> models/schema.yml:16:',
    ):
        assert part in told, told
