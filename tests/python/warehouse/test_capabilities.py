"""What a target says of its server under `capabilities:`: the ways of other servers, as far as real ones know them."""

from __future__ import annotations

from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse, write_project

MODELS = {
    "models/sales.sql": """
        with source as (
            select 1 as id, cast('a' as char(7)) as name, cast(1.5 as decimal(9, 2)) as amount,
                   cast('2026-01-02 03:04:05' as datetime(3)) as sold_at, cast(null as char(3)) as note
            union all
            select 2, 'b', {{ var('amount', 2.5) }}, cast('2026-01-03' as datetime(3)), 'x'
        )
        select * from source
    """,
    "models/days.sql": """
        {{ config(materialized='incremental', unique_key='id') }}
        select id, amount from {{ ref('sales') }}
    """,
    "models/log.sql": """
        {{ config(materialized='incremental') }}
        select id from {{ ref('sales') }}
    """,
}
CONFIG = "name: shop\nversion: '1.0'\nprofile: shop\nmodels:\n  +materialized: table\n"


def project(server: Warehouse, capabilities: dict[str, Any], **more: str) -> hw.Project:
    output = server.output | {"capabilities": capabilities}
    files = {"dbt_project.yml": CONFIG, **MODELS, **more}
    return hw.Project(write_project(server.folder / "shop", files, output))


def columns(server: Warehouse, table: str) -> list[tuple[Any, ...]]:
    return server.rows(
        "select column_name, column_type, is_nullable, collation_name from information_schema.columns "
        f"where table_schema = '{server.schema}' and table_name = '{table}' order by ordinal_position"
    )


def relations(server: Warehouse) -> set[str]:
    listed = server.rows(f"select table_name from information_schema.tables where table_schema = '{server.schema}'")
    return {name for (name,) in listed if "headwater" not in name}


def test_tables_are_the_same_without_create_table_as_and_with_renames_one_by_one(server: Warehouse) -> None:
    project(server, {}).build()
    usual = {table: columns(server, table) for table in ("sales", "days", "log")}
    server.drop()

    other = project(server, {"create_table_as": False, "swap": "renames"})
    assert other.build().success
    assert {table: columns(server, table) for table in usual} == usual
    assert other.build(vars={"amount": 7}).success
    amounts = server.rows(f"select id, amount from {server.schema}.sales order by id")
    assert [(row[0], float(row[1])) for row in amounts] == [(1, 1.5), (2, 7.0)]
    assert [float(row[0]) for row in server.rows(f"select amount from {server.schema}.days order by id")] == [1.5, 7.0]
    assert server.rows(f"select count(*) from {server.schema}.log") == [(4,)]
    assert relations(server) == set(usual)


def test_a_rename_that_fails_gives_the_old_table_its_name_back(server: Warehouse) -> None:
    other = project(server, {"swap": "renames"})
    assert other.build(select="sales").success
    # The second of the two renames finds no shadow to rename.
    gone = "{% macro create_indexes(relation) %}{% do run_query('drop table ' ~ relation) %}{% endmacro %}"
    broken = project(server, {"swap": "renames"}, **{"macros/gone.sql": gone})
    result = broken.run(select="sales")
    assert not result.success
    assert server.rows(f"select count(*) from {server.schema}.sales") == [(2,)]


def test_without_transactions_only_what_needs_none_is_run(server: Warehouse) -> None:
    snapshot = """
        {% snapshot history %}
        {{ config(unique_key='id', strategy='check', check_cols='all') }}
        select id, amount from {{ ref('sales') }}
        {% endsnapshot %}
    """
    result = project(server, {"transactions": False}, **{"snapshots/history.sql": snapshot}).build()
    outcome = {node.name: str(node.status) for node in result}
    messages = {node.name: str(node.message) for node in result}
    assert (outcome["sales"], outcome["log"]) == ("success", "success")
    assert "`incremental_strategy: delete+insert` is not supported" in messages["days"]
    assert "snapshots need transactions" in messages["history"]
    assert relations(server) == {"sales", "log"}


def test_a_capability_that_is_none_is_an_error(server: Warehouse) -> None:
    with pytest.raises(hw.HeadwaterError, match="swap"):
        project(server, {"swap": "exchange"}).build()
