"""``clone``: the target gets the relations of another place."""

from __future__ import annotations

import shutil

import headwater as hw
import pytest
from conftest import Warehouse

FILES = {
    "seeds/raw.csv": "id\n1\n2\n",
    "models/base.sql": "{{ config(materialized='table') }} select id from {{ ref('raw') }}",
    "models/hidden.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('base') }}",
    "models/top.sql": "select id from {{ ref('hidden') }} where id > 1",
    "snapshots/base_history.yml": """\
        snapshots:
          - name: base_history
            relation: ref('base')
            config: {unique_key: id, strategy: check, check_cols: all}
        """,
}
#: What would fail if it ran: hooks, and a model that production does not have.
AHEAD = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: [select nope]\n",
    "models/new.sql": "select nope",
}


def messages(results: hw.RunResults) -> dict[str, str | None]:
    assert results.success
    return {result.name: result.message for result in results}


def relation_types(warehouse: Warehouse, schema: str) -> dict[str, str]:
    rows = warehouse.rows(
        f"select table_name, table_type from information_schema.tables where table_schema = '{schema}'"
    )
    return dict(rows)


@pytest.fixture
def state(warehouse: Warehouse) -> str:
    """The artifacts of production, whose schema ends in ``_prod``."""
    warehouse.project(FILES, schema=f"{warehouse.schema}_prod").build().raise_for_failures()
    folder = warehouse.folder / "state"
    shutil.copytree(warehouse.folder / "shop" / "target", folder)
    return str(folder)


def test_the_target_gets_views_of_production(warehouse: Warehouse, state: str):
    project = warehouse.project({**FILES, **AHEAD})
    seeds = project.clone(state=state, resource_type="seed")
    assert set(messages(seeds)) == {"raw"}
    assert messages(seeds)["raw"] != "No-op"
    # Ephemeral models are nothing that could be cloned; what production does not have is left alone.
    cloned = messages(project.clone(state=state))
    assert set(cloned) == {"raw", "base", "top", "base_history", "new"}
    assert {name for name, message in cloned.items() if message == "No-op"} == {"raw", "new"}
    assert set(relation_types(warehouse, warehouse.schema).items()) == {
        (name, "VIEW") for name in ("raw", "base", "top", "base_history")
    }
    quote = '"' if warehouse.kind == "duckdb" else "`"
    base = f"{quote}{warehouse.schema}{quote}.{quote}base{quote}"
    assert warehouse.rows(f"select id from {base} order by id") == [(1,), (2,)]
    # They are views: production's rows of tomorrow are in them.
    prod = base.replace(warehouse.schema, f"{warehouse.schema}_prod")
    connection = warehouse.connect()
    connection.cursor().execute(f"insert into {prod} values (3)")
    connection.close()
    assert warehouse.rows(f"select max(id) from {base}") == [(3,)]
    assert set(messages(project.clone(state=state)).values()) == {"No-op"}


def test_what_is_there_is_replaced_only_on_demand(warehouse: Warehouse, state: str):
    project = warehouse.project(FILES)
    project.build(select="+base").raise_for_failures()
    table = relation_types(warehouse, warehouse.schema)["base"]
    assert table == "BASE TABLE"
    assert messages(project.clone("base", state=state)) == {"base": "No-op"}
    assert relation_types(warehouse, warehouse.schema)["base"] == table
    project.clone("base", state=state, full_refresh=True).raise_for_failures()
    assert relation_types(warehouse, warehouse.schema)["base"] == "VIEW"
    # A place that is the target itself is never made a view of itself.
    production = warehouse.project(FILES, schema=f"{warehouse.schema}_prod")
    assert set(messages(production.clone(state=state, full_refresh=True)).values()) == {"No-op"}
    assert relation_types(warehouse, f"{warehouse.schema}_prod")["base"] == table


def test_a_project_may_say_how_tables_are_copied(warehouse: Warehouse, state: str):
    macros = """\
        {% macro default__can_clone_table() %}{{ return(true) }}{% endmacro %}
        {% macro default__create_or_replace_clone(this_relation, defer_relation) %}
          create table {{ this_relation }} as select * from {{ defer_relation }}
        {% endmacro %}
        """
    project = warehouse.project({**FILES, "macros/clone.sql": macros})
    project.clone(state=state).raise_for_failures()
    types = relation_types(warehouse, warehouse.schema)
    assert types == {"raw": "BASE TABLE", "base": "BASE TABLE", "base_history": "BASE TABLE", "top": "VIEW"}


def test_clone_needs_a_state_with_a_manifest(duck: Warehouse):
    project = duck.project(FILES)
    with pytest.raises(hw.HeadwaterError, match="`clone` needs to know where the other relations are"):
        project._invoke(["clone"], {})
    (duck.folder / "empty").mkdir()
    with pytest.raises(hw.HeadwaterError, match=r"has no manifest\.json, which `clone` needs"):
        project.clone(state=str(duck.folder / "empty"))


def test_relations_that_are_gone_fail_one_by_one(duck: Warehouse):
    duck.project(FILES, schema=f"{duck.schema}_prod").build().raise_for_failures()
    shutil.copytree(duck.folder / "shop" / "target", duck.folder / "state")
    duck.rows(f'drop view "{duck.schema}_prod"."top"')
    results = duck.project(FILES).clone(state=str(duck.folder / "state"))
    assert [result.name for result in results.failed] == ["top"]
    assert "name top does not exist" in (results["top"].message or "")
    assert "materialization `clone`" in results["top"].explain()
