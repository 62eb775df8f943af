"""Models that are built in batches, empty builds and samples, on every database."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import headwater as hw
import pymysql
from conftest import Warehouse
from test_crashes import leftovers

CONFIG = """
    materialized='incremental', incremental_strategy='microbatch', event_time='happened_at',
    batch_size=var('batch_size', 'day'), begin=var('begin', '2024-01-01')
"""
MODELS = {
    "seeds/seeds.yml": "seeds: [{name: raw, config: {event_time: happened_at}}]",
    "models/daily.sql": "{{ config("
    + CONFIG
    + """) }}
        {% if model.batch and model.batch.id == var('boom', '') %}select * from no_such_table{% else %}
        select id, happened_at, amount from {{ ref('raw') }}
        {% endif %}
    """,
    "models/after.sql": "select count(*) as n from {{ ref('daily') }}",
}
Row = tuple[int, dt.datetime, int]


def seed(rows: list[Row]) -> dict[str, str]:
    return {"seeds/raw.csv": "id,happened_at,amount\n" + "".join(f"{i},{at},{n}\n" for i, at, n in rows)}


def built(warehouse: Warehouse, model: str = "daily") -> list[tuple[Any, ...]]:
    return warehouse.rows(f"select id, happened_at, amount from {warehouse.schema}.{model} order by id, amount")


def batch_results(warehouse: Warehouse, status: str = "successful") -> list[str]:
    """The days of the batches of the last run."""
    results = json.loads((warehouse.folder / "shop" / "target" / "run_results.json").read_text())["results"]
    (found,) = [result["batch_results"] for result in results if result["unique_id"] == "model.shop.daily"]
    return [start[:10] for start, _ in found[status]]


def test_increments_late_rows_and_a_retry(warehouse: Warehouse) -> None:
    today = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    days = [today - dt.timedelta(days=back) for back in (3, 2, 1, 0)]
    variables = {"begin": f"{days[0]:%Y-%m-%d}"}
    # Midnight belongs to the day that begins with it.
    rows = [(number, day + dt.timedelta(hours=5 * (number % 2)), number) for number, day in enumerate(days)]
    project = warehouse.project({**MODELS, **seed(rows)}, vars=variables)
    project.build().raise_for_failures()
    assert built(warehouse) == rows
    assert batch_results(warehouse) == [f"{day:%Y-%m-%d}" for day in days]

    # A late row of yesterday is found; a change of three days ago is behind the lookback.
    late = [(0, rows[0][1], 99), *rows[1:], (7, days[2] + dt.timedelta(hours=23, minutes=59, seconds=59), 7)]
    warehouse.project({**MODELS, **seed(late)})
    project.build().raise_for_failures()
    assert built(warehouse) == [*rows, late[-1]]
    assert batch_results(warehouse) == [f"{day:%Y-%m-%d}" for day in days[2:]]

    failing = warehouse.project(MODELS | seed(late), vars={**variables, "boom": f"{days[1]:%Y%m%d}"})
    results = failing.build(full_refresh=True)
    assert {result.name: result.status for result in results} == {
        "raw": "success",
        "daily": "partial success",
        "after": "skipped",
    }
    assert results["daily"].message == "PARTIAL SUCCESS (3/4)"
    assert batch_results(warehouse, "failed") == [f"{days[1]:%Y-%m-%d}"]
    assert built(warehouse) == [row for row in late if row[0] != 1]

    outcome = hw.Runner().invoke(["retry"], project_dir=project.project_dir, vars={**variables, "boom": "none"})
    assert outcome.success, outcome
    assert built(warehouse) == late
    assert batch_results(warehouse)[0] == f"{days[1]:%Y-%m-%d}"
    assert leftovers(warehouse) == []


def hours(count: int) -> list[Row]:
    first = dt.datetime(2024, 2, 28, 14)
    return [(hour, first + dt.timedelta(hours=hour, minutes=hour % 60), hour) for hour in range(count)]


RANGE = {"event_time_start": "2024-02-28T14:00:00", "event_time_end": "2024-02-29T10:00:00"}


def test_four_threads_build_and_replace_batches_at_the_same_time(warehouse: Warehouse) -> None:
    project = warehouse.project(MODELS | seed(hours(20)), vars={"batch_size": "hour"})
    project.build(threads=4, **RANGE).raise_for_failures()
    assert built(warehouse) == hours(20)
    doubled = [(number, at, 2 * amount) for number, at, amount in hours(20)]
    warehouse.project(MODELS | seed(doubled))
    project.build(threads=4, **RANGE).raise_for_failures()
    assert built(warehouse) == doubled
    assert leftovers(warehouse) == []


def test_a_client_that_is_killed_between_batches(warehouse: Warehouse) -> None:
    project = warehouse.project(MODELS | seed(hours(20)))
    project.seed().raise_for_failures()
    options = {**RANGE, "vars": {"batch_size": "hour"}, "select": "daily", "threads": 3}
    program = f"import headwater; headwater.Project({str(project.project_dir)!r}).run(**{options!r})"
    for moment in (0.6, 0.9, 1.3):
        before = leftovers(warehouse)
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(moment)
        # A process keeps DuckDB's file to itself; on servers the new rows of a batch can be seen waiting.
        while warehouse.kind != "duckdb" and leftovers(warehouse) == before and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    project.run(**options).raise_for_failures()
    assert built(warehouse) == hours(20)
    assert leftovers(warehouse) == []


def test_readers_find_the_table_while_it_is_rebuilt(server: Warehouse) -> None:
    project = server.project(MODELS | seed(hours(8)), vars={"batch_size": "hour"})
    span = {"event_time_start": "2024-02-28T14:00:00", "event_time_end": "2024-02-28T22:00:00"}
    project.build(**span).raise_for_failures()
    problems: list[pymysql.err.Error] = []
    reads, stop = [0], threading.Event()

    def read() -> None:
        connection = server.connect()
        while not stop.is_set():
            try:
                connection.cursor().execute(f"select count(*) from {server.schema}.daily")
                reads[0] += 1
            except pymysql.err.Error as problem:
                problems.append(problem)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        project.run(full_refresh=True, select="daily", **span).raise_for_failures()
    finally:
        stop.set()
        reader.join()
    assert reads[0] > 0
    assert not problems
    assert built(server) == hours(8)


SHAPES = {
    "seeds/seeds.yml": "seeds: [{name: raw, config: {event_time: happened_at}}]",
    "models/alone.sql": "{{ config(materialized='table') }} select * from {{ ref('raw') }}",
    "models/named.sql": "select r.* from {{ ref('raw') }} as r join {{ ref('alone') }} on true",
    "models/inner.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('named') }}",
    "models/added.sql": """
        {{ config(materialized='incremental', unique_key='id') }}
        select id, happened_at, amount from {{ ref('inner') }}
        where id in (select id from {{ ref('raw') }}){% if is_incremental() %} and id > 0{% endif %}
    """,
    "snapshots/kept.yml": """
        snapshots:
          - name: kept
            relation: ref('raw')
            config: {unique_key: id, strategy: check, check_cols: [amount]}
    """,
    "models/units.yml": """
        unit_tests:
          - name: all_columns
            model: alone
            given: [{input: ref('raw'), rows: [{id: 1, happened_at: 2024-01-01 00:00:00, amount: 2}]}]
            expect: {rows: [{id: 1, happened_at: 2024-01-01 00:00:00, amount: 2}]}
    """,
}


def test_an_empty_build_makes_everything_without_rows(warehouse: Warehouse) -> None:
    project = warehouse.project(SHAPES | seed(hours(3)))
    for _ in range(2):
        results = project.build(empty=True)
        results.raise_for_failures()
        assert results["all_columns"].status == "pass"
        for relation in ("raw", "alone", "named", "added", "kept"):
            assert warehouse.rows(f"select count(*) from {warehouse.schema}.{relation}") == [(0,)], relation
    project.build().raise_for_failures()
    assert built(warehouse, "alone") == hours(3)
    project.seed(empty=True).raise_for_failures()
    assert warehouse.rows(f"select count(*) from {warehouse.schema}.raw") == [(0,)]


def test_a_sample_reads_a_part_of_the_inputs(warehouse: Warehouse) -> None:
    project = warehouse.project({**SHAPES, **{k: v for k, v in MODELS.items() if k.endswith(".sql")}} | seed(hours(20)))
    start, end = dt.datetime(2024, 2, 28, 18), dt.datetime(2024, 2, 29, 6)
    expected = [row for row in hours(20) if start <= row[1] < end]
    project.build(sample={"start": start, "end": end}).raise_for_failures()
    assert built(warehouse, "alone") == expected
    assert built(warehouse) == expected, "batches see their part of the sample"
    assert batch_results(warehouse) == ["2024-02-28", "2024-02-29"]
    assert warehouse.rows(f"select count(*) from {warehouse.schema}.kept") == [(len(expected),)], "as in dbt"
    project.run(sample="1 hour", select="alone").raise_for_failures()
    assert built(warehouse, "alone") == []


def test_dates_may_be_python_dates(duck: Warehouse) -> None:
    project = duck.project(MODELS | seed(hours(20)))
    project.build(event_time_start=dt.date(2024, 2, 29), event_time_end=dt.datetime(2024, 3, 1)).raise_for_failures()
    assert built(duck) == [row for row in hours(20) if row[1].day == 29]
    assert Path(project.project_dir, "target/compiled/shop/models/daily/daily_2024-02-29.sql").exists()


def test_a_retry_keeps_times_samples_and_emptiness(duck: Warehouse) -> None:
    project = duck.project(MODELS | seed(hours(20)))
    project.seed().raise_for_failures()
    target = Path(project.project_dir, "target")
    sample = {"start": "2024-02-28 18:00:00", "end": "2024-02-29 06:00:00"}
    for options, rows in [
        ({"event_time_start": "2024-02-29", "event_time_end": "2024-03-01"}, [r for r in hours(20) if r[1].day == 29]),
        ({"sample": sample}, [r for r in hours(20) if sample["start"] <= str(r[1]) < sample["end"]]),
        ({"empty": True, "event_time_start": "2024-02-29", "event_time_end": "2024-03-01"}, []),
    ]:
        first = "20240228" if "sample" in options else "20240229"
        results = project.run(full_refresh=True, vars={"boom": first}, **options)
        assert results["daily"].status == "error", results
        outcome = hw.Runner().invoke(["retry"], project_dir=project.project_dir, vars={"boom": "none"})
        assert outcome.success, outcome
        assert built(duck) == rows
        arguments = json.loads((target / "run_results.json").read_text())["args"]
        assert all(arguments[name] not in (None, False) for name in options), arguments
