"""`publish: tested`: what was built is shown to readers only after its tests."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse

GOOD, BAD = "id,amount\n1,10\n2,20\n", "id,amount\n1,10\n2,-20\n3,-30\n"
BODY = "select id, amount * {{ var('sign') }} as amount from {{ ref('raw') }}"
POSITIVE = "{% test positive(model, column_name) %} select * from {{ model }} where {{ column_name }} < 0 {% endtest %}"
TESTED = ["mart_table", "mart_view", "mart_rows", "history", "prices"]

PROJECT = """
    name: shop
    version: '1.0'
    profile: shop
    models: {shop: {marts: {+publish: tested}}}
"""
PROPERTIES = """
    models:
      - &mart
        name: mart_table
        columns: [{name: id, data_tests: [not_null]}, {name: amount, data_tests: [positive]}]
      - {<<: *mart, name: mart_view}
      - {<<: *mart, name: mart_rows}
    snapshots:
      - {<<: *mart, name: history}
    seeds:
      - {<<: *mart, name: prices, config: {publish: tested}}
"""
FILES = {
    "dbt_project.yml": PROJECT,
    "macros/positive.sql": POSITIVE,
    "models/properties.yml": PROPERTIES,
    "seeds/raw.csv": GOOD,
    "seeds/prices.csv": GOOD,
    "models/marts/mart_table.sql": "{{ config(materialized='table') }} " + BODY,
    "models/marts/mart_view.sql": BODY,
    "models/marts/mart_rows.sql": "{{ config(materialized='incremental', unique_key='id') }} " + BODY,
    "models/after.sql": "select count(*) as n from {{ ref('mart_table') }}",
    # A singular test, of a mart and of what is above it.
    "tests/as_many.sql": """
        select 1 as missing from {{ ref('raw') }} as r left join {{ ref('mart_table') }} as m on m.id = r.id
        where m.id is null
    """,
    "snapshots/history.sql": """
        {% snapshot history %}
        {{ config(unique_key='id', strategy='check', check_cols=['amount'], publish='tested') }}
    """
    + BODY
    + "{% endsnapshot %}",
}


def relations(warehouse: Warehouse) -> dict[str, str]:
    """What is in the test's schema, with its kind."""
    schema = warehouse.schema
    query = f"select table_name, table_type from information_schema.tables where table_schema = '{schema}'"
    return dict(warehouse.rows(query))


def amounts(warehouse: Warehouse) -> dict[str, list[int]]:
    """What readers see of each."""
    query = f"select amount from {warehouse.schema}.{{}} order by 1"
    return {name: [int(row[0]) for row in warehouse.rows(query.format(name))] for name in TESTED}


def statuses(results: hw.RunResults) -> dict[str, str]:
    return {result.name: result.status for result in results}


def test_what_fails_its_tests_is_not_published(warehouse: Warehouse) -> None:
    warehouse.project(FILES, vars={"sign": 1}).build().raise_for_failures()
    before, there = amounts(warehouse), relations(warehouse)
    assert before == {key: [10, 20] for key in TESTED}
    assert there["mart_view"] == "VIEW"
    assert there["mart_table"] == "BASE TABLE"

    bad = {**FILES, "seeds/prices.csv": BAD}
    project = warehouse.project(bad, vars={"sign": -1})
    results = project.build()
    status = statuses(results)
    for name in TESTED:
        assert status[name] == "error", name
        assert status[f"positive_{name}_amount"] == "fail"
        assert status[f"not_null_{name}_id"] == "pass"
        assert results[f"positive_{name}_amount"].failures == 2
    assert status["after"] == "skipped"
    assert status["as_many"] == "pass"
    assert not results.success
    assert amounts(warehouse) == before
    assert relations(warehouse) == there

    failed = results["mart_table"]
    assert failed.diagnostic["code"] == "not-published"
    told = failed.explain()
    assert "`mart_table` was not published: 1 of 3 tests failed on the new version" in told
    assert "readers keep the version of before" in told
    assert "`positive_mart_table_amount`: Got 2 results" in told
    assert "models/marts/mart_table.sql" in told
    test = results["positive_mart_table_amount"]
    assert "models/properties.yml" in test.explain()
    assert "__dbt_tmp" not in test.compiled_code

    # `run` holds the same promise, and says the same.
    again = project.run()
    status = statuses(again)
    assert {name: status[name] for name in ("mart_table", "mart_view", "mart_rows")} == dict.fromkeys(
        ("mart_table", "mart_view", "mart_rows"), "error"
    )
    assert status["positive_mart_rows_amount"] == "fail"
    assert statuses(project.snapshot()) == {
        "history": "error",
        "not_null_history_id": "pass",
        "positive_history_amount": "fail",
    }
    assert statuses(project.seed(select="prices"))["prices"] == "error"
    assert statuses(project.run(select="mart_rows", full_refresh=True))["mart_rows"] == "error"
    assert statuses(project.seed(select="prices", full_refresh=True))["prices"] == "error"
    assert amounts(warehouse) == before
    assert relations(warehouse) == there

    command = [sys.executable, "-m", "headwater", "build", "--vars", json.dumps({"sign": -1})]
    done = subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr

    # Mended: a retry publishes, and what was skipped comes after.
    outcome = hw.Runner().invoke(["retry"], project_dir=project.project_dir, vars={"sign": 2})
    assert not outcome.success
    project = warehouse.project(FILES, vars={"sign": 2})
    outcome = hw.Runner().invoke(["retry"], project_dir=project.project_dir, vars={"sign": 2})
    assert outcome.success, outcome
    after = amounts(warehouse)
    assert after["mart_table"] == after["mart_view"] == after["mart_rows"] == [20, 40]
    assert after["history"] == [10, 20, 20, 40]
    assert after["prices"] == [10, 20]
    assert relations(warehouse) == there


def test_a_first_version_that_fails_is_not_there(warehouse: Warehouse) -> None:
    project = warehouse.project({**FILES, "seeds/prices.csv": BAD}, vars={"sign": -1})
    results = project.build()
    status = statuses(results)
    assert {name: status[name] for name in TESTED} == dict.fromkeys(TESTED, "error")
    assert "there is no version of before" in results["history"].explain()
    assert list(relations(warehouse)) == ["raw"]
    warehouse.project(FILES)
    assert project.build(vars={"sign": 1}).success
    assert amounts(warehouse) == {key: [10, 20] for key in TESTED}


def test_readers_never_see_what_fails(server: Warehouse) -> None:
    """Not even for a moment: the rows of an incremental model are tested inside of its transaction."""
    server.project(FILES, vars={"sign": 1}).build().raise_for_failures()
    seen: set[Any] = set()
    stop = threading.Event()

    def read() -> None:
        connection = server.connect()
        cursor = connection.cursor()
        while not stop.is_set():
            for name in ("mart_table", "mart_rows"):
                cursor.execute(f"select min(amount), count(*) from {server.schema}.{name}")
                seen.add(cursor.fetchone())
        connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    project = server.project(FILES, vars={"sign": -1})
    for _ in range(5):
        assert not project.run(select="mart_table mart_rows").success
    stop.set()
    thread.join()
    assert seen == {(10, 2)}


def test_warnings_publish_and_failing_rows_are_kept(warehouse: Warehouse) -> None:
    files = {
        **FILES,
        "models/properties.yml": """
            models:
              - name: mart_table
                columns:
                  - name: amount
                    data_tests: [positive: {name: signs, config: {severity: warn, store_failures: true}}]
              - name: mart_rows
                columns:
                  - name: amount
                    data_tests: [positive: {name: row_signs, config: {severity: warn, store_failures: true}}]
        """,
    }
    warehouse.project(files, vars={"sign": 1}).build(select="raw mart_table mart_rows").raise_for_failures()
    results = warehouse.project(files, vars={"sign": -1}).run(select="mart_table mart_rows")
    assert results.success
    status = statuses(results)
    assert (status["mart_table"], status["mart_rows"]) == ("success", "success")
    assert (status["signs"], status["row_signs"]) == ("warn", "warn")
    assert warehouse.rows(f"select amount from {warehouse.schema}.mart_table order by 1") == [(-20,), (-10,)]
    for name in ("signs", "row_signs"):
        assert warehouse.rows(f"select count(*) from {warehouse.schema}_dbt_test__audit.{name}") == [(2,)]


def test_a_test_of_what_is_built_elsewhere_runs_afterwards(duck: Warehouse) -> None:
    """A sibling of the mart may be older than the mart: nothing can be said of both before both are there."""
    files = {
        "models/mart.sql": "{{ config(materialized='table', publish='tested') }} select 1 as id",
        "models/sibling.sql": "select 2 as id",
        "models/properties.yml": """
            models:
              - name: mart
                columns:
                  - name: id
                    data_tests: [not_null, relationships: {arguments: {to: ref('sibling'), field: id}}]
        """,
    }
    project = duck.project(files)
    ran = statuses(project.run())
    assert ran == {"mart": "success", "sibling": "success", "not_null_mart_id": "pass"}
    built = statuses(project.build())
    assert built["mart"] == "success"
    assert built["relationships_mart_id__id__ref_sibling_"] == "fail"


def test_tests_that_are_not_selected_decide_as_well(duck: Warehouse) -> None:
    project = duck.project(FILES, vars={"sign": -1})
    project.seed(select="raw").raise_for_failures()
    status = statuses(project.build(select="mart_table", exclude="test_type:data"))
    assert status["mart_table"] == "error"
    assert status["positive_mart_table_amount"] == "fail"


def test_a_test_that_cannot_run_is_no_proof(duck: Warehouse) -> None:
    broken = "{% test positive(model, column_name) %} select nothing from {{ model }} {% endtest %}"
    project = duck.project({**FILES, "macros/positive.sql": broken}, vars={"sign": 1})
    results = project.build(select="raw mart_table")
    assert results["positive_mart_table_amount"].status == "error"
    assert results["mart_table"].status == "error"
    assert "mart_table" not in relations(duck)


def test_a_test_cannot_publish_what_it_tests(server: Warehouse) -> None:
    """DDL would commit the rows of an incremental model."""
    files = {**FILES, "macros/positive.sql": POSITIVE.replace("%} select", "%} {% do side_effect() %} select")}
    files["macros/side_effect.sql"] = """
        {% macro side_effect() %}
          {% if var('sign') < 0 %}{% do run_query('create table ' ~ target.schema ~ '.side (n int)') %}{% endif %}
        {% endmacro %}
    """
    server.project(files, vars={"sign": 1}).build(select="raw mart_rows", exclude="as_many").raise_for_failures()
    results = server.project(files, vars={"sign": -1}).run(select="mart_rows")
    assert results["mart_rows"].status == "error"
    assert results["positive_mart_rows_amount"].diagnostic["code"] == "not-supported"
    assert server.rows(f"select amount from {server.schema}.mart_rows order by 1") == [(10,), (20,)]
    assert sorted(relations(server)) == ["mart_rows", "raw"]


def test_a_strategy_that_commits_is_refused_before_it_does(server: Warehouse) -> None:
    strategy = """
        {% macro get_incremental_anew_sql(arg_dict) %}
          truncate table {{ arg_dict.target_relation }}; {{ get_incremental_append_sql(arg_dict) }}
        {% endmacro %}
    """
    mart = FILES["models/marts/mart_rows.sql"].replace("unique_key='id'", "incremental_strategy='anew'")
    files = {**FILES, "macros/anew.sql": strategy, "models/marts/mart_rows.sql": mart}
    project = server.project(files, vars={"sign": 1})
    project.build(select="raw mart_rows", exclude="as_many").raise_for_failures()
    results = project.run(select="mart_rows")
    assert results["mart_rows"].diagnostic["code"] == "not-supported"
    assert "would publish it before its tests" in results["mart_rows"].explain()
    assert server.rows(f"select amount from {server.schema}.mart_rows order by 1") == [(10,), (20,)]


OWN = """
    {% materialization mine, default %}
      {%- set target = this.incorporate(type='table') -%}
      {% call statement('main') %} create or replace table {{ target }} as {{ sql }} {% endcall %}
      AUDIT
      {% do adapter.commit() %}
      {{ return({'relations': [target]}) }}
    {% endmaterialization %}
"""


def test_own_materializations_have_to_know_it(duck: Warehouse) -> None:
    files = {**FILES, "models/marts/mart_table.sql": "{{ config(materialized='mine') }} " + BODY}
    project = duck.project({**files, "macros/mine.sql": OWN.replace("AUDIT", "")}, vars={"sign": 1})
    results = project.build(select="raw mart_table")
    assert results["mart_table"].diagnostic["code"] == "not-supported"
    assert "materialization `mine`" in results["mart_table"].explain()
    assert "mart_table" not in relations(duck)
    duck.project({**files, "macros/mine.sql": OWN.replace("AUDIT", "{% do adapter.audit(target) %}")})
    assert project.build(select="raw mart_table").success
    results = project.run(select="mart_table", vars={"sign": -1})
    assert results["mart_table"].diagnostic["code"] == "not-published"
    assert duck.rows(f"select amount from {duck.schema}.mart_table order by 1") == [(10,), (20,)]


def test_the_config_is_checked_where_it_is_written(duck: Warehouse) -> None:
    batched = "materialized='incremental', incremental_strategy='microbatch', event_time='t', begin='2024-01-01'"
    files = {
        "models/typo.sql": "{{ config(publish='testd') }} select 1 as n",
        "models/batched.sql": f"{{{{ config({batched}, batch_size='day', publish='tested') }}}} select 1 as t",
    }
    with pytest.raises(hw.ParseError) as refused:
        duck.project(files).ls()
    told = str(refused.value)
    assert "config `publish` of model `typo` must be one of immediately, tested" in told
    assert "did you mean `tested`?" in told
    assert "config `publish` of model `batched` cannot be `tested` for strategy `microbatch`" in told
    assert "models/batched.sql:1" in told
