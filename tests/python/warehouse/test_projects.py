"""What projects of all kinds do to a database."""

from __future__ import annotations

from conftest import Warehouse

MODELS = {
    "models/numbers.sql": "{{ config(materialized='table') }} select 1 as n union all select 2 union all select 3",
    "models/doubled.sql": "select n * 2 as n from {{ ref('numbers') }}",
}


def test_tables_and_views(warehouse: Warehouse) -> None:
    project = warehouse.project(MODELS)
    results = project.run()
    assert results.success, results
    assert [result.name for result in results] == ["numbers", "doubled"]
    assert sorted(warehouse.rows(f"select n from {warehouse.schema}.doubled")) == [(2,), (4,), (6,)]
    kinds = warehouse.rows(
        f"select table_name, table_type from information_schema.tables where table_schema = '{warehouse.schema}'"
    )
    assert dict(kinds) == {"numbers": "BASE TABLE", "doubled": "VIEW"}


def test_a_view_becomes_a_table_and_back(warehouse: Warehouse) -> None:
    project = warehouse.project(MODELS)
    project.run().raise_for_failures()
    query = (
        f"select table_type from information_schema.tables where table_schema = '{warehouse.schema}' and table_name = "
    )
    for materialized, kind in (("table", "BASE TABLE"), ("view", "VIEW")):
        model = MODELS["models/doubled.sql"]
        warehouse.project({**MODELS, "models/doubled.sql": f"{{{{ config(materialized='{materialized}') }}}} {model}"})
        project.run().raise_for_failures()
        assert warehouse.rows(query + "'doubled'") == [(kind,)]


def test_seeds_keep_types_nulls_and_quotes(warehouse: Warehouse) -> None:
    project = warehouse.project(
        {"seeds/people.csv": 'id,name,born,score\n1,Zoë,2001-02-03,1.5\n2,O\'Hara,,\n3,"a,b",1999-12-31,-2\n'}
    )
    results = project.seed()
    assert results.success, results
    rows = warehouse.rows(f"select id, name, born is null, score from {warehouse.schema}.people order by id")
    assert [(row[0], row[1], bool(row[2]), None if row[3] is None else float(row[3])) for row in rows] == [
        (1, "Zoë", False, 1.5),
        (2, "O'Hara", True, None),
        (3, "a,b", False, -2.0),
    ]
    project.seed(full_refresh=True).raise_for_failures()
    assert warehouse.rows(f"select count(*) from {warehouse.schema}.people") == [(3,)]


INCREMENTAL = {
    "seeds/events.csv": "id,amount\n1,10\n2,20\n",
    "models/totals.sql": """
        {{ config(materialized='incremental', unique_key='id', incremental_strategy=var('strategy')) }}
        select id, amount from {{ ref('events') }}
    """,
}


def test_incremental_models_replace_their_keys(warehouse: Warehouse) -> None:
    for strategy in ("delete+insert", "append"):
        project = warehouse.project(INCREMENTAL, vars={"strategy": strategy})
        project.build(full_refresh=True).raise_for_failures()
        warehouse.project({**INCREMENTAL, "seeds/events.csv": "id,amount\n2,25\n3,30\n"})
        project.build().raise_for_failures()
        rows = sorted(warehouse.rows(f"select id, amount from {warehouse.schema}.totals"))
        expected = [(1, 10), (2, 25), (3, 30)] if strategy == "delete+insert" else [(1, 10), (2, 20), (2, 25), (3, 30)]
        assert rows == expected, strategy


TESTS = {
    **MODELS,
    "models/models.yml": """
        models:
          - name: numbers
            columns:
              - name: n
                data_tests:
                  - unique
                  - accepted_values: {arguments: {values: [1, 2]}, config: {store_failures: true, alias: odd_ones}}
          - name: doubled
            columns: [{name: n, data_tests: [not_null]}]
        unit_tests:
          - name: doubling
            model: doubled
            given: [{input: ref('numbers'), rows: [{n: 4}, {n: null}]}]
            expect: {rows: [{n: 8}, {n: null}]}
          - name: halving
            model: doubled
            given: [{input: ref('numbers'), rows: [{n: 4}]}]
            expect: {rows: [{n: 2}]}
    """,
}


def test_a_failing_test_gates_what_is_behind_it(warehouse: Warehouse) -> None:
    project = warehouse.project(TESTS)
    results = project.build(exclude="test_type:unit")
    assert not results.success
    failed = results.failed
    assert [result.failures for result in failed] == [1]
    assert results["doubled"].status == "skipped"
    [(schema,)] = warehouse.rows("select table_schema from information_schema.tables where table_name = 'odd_ones'")
    assert schema.startswith(warehouse.schema)
    assert warehouse.rows(f"select value_field from {schema}.odd_ones")[0][0] in (3, "3")


def test_unit_tests_show_what_differs(warehouse: Warehouse) -> None:
    project = warehouse.project(TESTS)
    project.run().raise_for_failures()
    results = project.test(select="test_type:unit")
    assert {result.name: result.status for result in results} == {"doubling": "pass", "halving": "fail"}
    assert "8" in results["halving"].explain()


def test_hooks_run_where_they_belong(warehouse: Warehouse) -> None:
    project = warehouse.project(
        {
            "dbt_project.yml": """
                name: shop
                version: '1.0'
                profile: shop
                on-run-start: ["create table if not exists {{ target.schema }}.journal (step varchar(20))",
                               "insert into {{ target.schema }}.journal values ('start')"]
                on-run-end: ["insert into {{ target.schema }}.journal values ('end {{ results | length }}')"]
                models:
                  +pre-hook: "insert into {{ target.schema }}.journal values ('before {{ this.name }}')"
                  +post-hook: "insert into {{ target.schema }}.journal values ('after {{ this.name }}')"
            """,
            "models/one.sql": "select 1 as n",
        }
    )
    results = project.run()
    assert results.success, results
    steps = [row[0] for row in warehouse.rows(f"select step from {warehouse.schema}.journal")]
    assert steps[:3] == ["start", "before one", "after one"]
    assert steps[3].startswith("end ")


def test_a_failed_model_is_explained_in_its_own_file(warehouse: Warehouse) -> None:
    project = warehouse.project(
        {**MODELS, "models/doubled.sql": "{# a note #}\nselect\n  amout\nfrom {{ ref('numbers') }}\n"}
    )
    results = project.build()
    [failed] = results.failed
    text = failed.explain()
    assert "models/doubled.sql:3" in text
    assert "amout" in text
    assert failed.diagnostic["code"] == "database"


def test_snapshots_keep_history(warehouse: Warehouse) -> None:
    files = {
        "seeds/prices.csv": "id,price\n1,10\n2,20\n",
        "snapshots/prices.yml": """
            snapshots:
              - name: price_history
                relation: ref('prices')
                config: {unique_key: id, strategy: check, check_cols: [price], hard_deletes: invalidate}
        """,
    }
    project = warehouse.project(files)
    project.build().raise_for_failures()
    warehouse.project({**files, "seeds/prices.csv": "id,price\n1,11\n"})
    project.build().raise_for_failures()
    history = warehouse.rows(
        f"select id, price, dbt_valid_to is null from {warehouse.schema}.price_history order by id, price"
    )
    assert [(row[0], row[1], bool(row[2])) for row in history] == [(1, 10, False), (1, 11, True), (2, 20, False)]


def test_queries_of_ones_own(warehouse: Warehouse) -> None:
    project = warehouse.project(MODELS)
    project.run().raise_for_failures()
    table = project.query("select n, n * 1.5 as more from {{ ref('numbers') }} order by n")
    assert table.columns == ["n", "more"]
    assert [row[0] for row in table.fetchall()] == [1, 2, 3]
    assert table.to_polars()["n"].to_list() == [1, 2, 3]
    assert table.to_pandas()["n"].tolist() == [1, 2, 3]
    assert len(project.query("select n from {{ ref('numbers') }} where n > 7")) == 0


def test_operations_run_macros(warehouse: Warehouse) -> None:
    statement = "'create table ' ~ target.schema ~ '.' ~ name ~ ' (n int)'"
    macro = f"{{% macro make(name) %}}{{% do run_query({statement}) %}}{{% endmacro %}}"
    project = warehouse.project({**MODELS, "macros/make.sql": macro})
    project.run().raise_for_failures()
    project.run_operation("make", args={"name": "made"}).raise_for_failures()
    assert warehouse.rows(f"select count(*) from {warehouse.schema}.made") == [(0,)]


def test_children_without_parents_are_found_whatever_is_null_or_repeated(warehouse: Warehouse) -> None:
    project = warehouse.project(
        {
            "models/child.sql": "select 1 as k union all select 1 union all select 9 union all select null",
            "models/parent.sql": "select 1 as k union all select 1 union all select null",
            "models/models.yml": """
                models:
                  - name: child
                    columns: [{name: k, data_tests: [relationships: {arguments: {to: ref('parent'), field: k}}]}]
                  - name: parent
                    columns: [{name: k, data_tests: [relationships: {arguments: {to: ref('child'), field: k}}]}]
            """,
        }
    )
    results = {result.node.name: result for result in project.build() if result.node.resource_type == "test"}
    assert results["relationships_child_k__k__ref_parent_"].failures == 1
    assert results["relationships_parent_k__k__ref_child_"].failures == 0
