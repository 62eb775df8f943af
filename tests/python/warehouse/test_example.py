"""The example project end to end, on every database, against numbers worked out in Python."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from chain import Chain
from conftest import EXAMPLE, Warehouse, write_project


def example(warehouse: Warehouse, **variables: Any) -> hw.Project:
    """A copy of the example project that works on this database only."""
    folder = warehouse.folder / "retail"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb*"))
    write_project(folder, {"dbt_project.yml": (EXAMPLE / "dbt_project.yml").read_text()}, warehouse.output, "shops")
    schemas = {"source_schema": "_shop", "warehouse_schema": "", "staging_schema": "_staging"}
    named = {variable: warehouse.schema + suffix for variable, suffix in schemas.items()}
    return hw.Project(folder, vars={**named, **variables})


def plain(rows: list[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Rows with numbers that compare: drivers give sums as int, Decimal or float."""
    return {tuple(Decimal(str(cell)) if isinstance(cell, (int, float)) else cell for cell in row) for row in rows}


def mart(warehouse: Warehouse, columns: str, table: str) -> set[tuple[Any, ...]]:
    return plain(warehouse.rows(f"select {columns} from {warehouse.schema}.{table}"))


def check_marts(warehouse: Warehouse, chain: Chain) -> None:
    daily = "order_date, store_id, city, order_count, customer_count, total_revenue"
    assert mart(warehouse, daily, "mart_daily_store_sales") == plain(list(chain.daily_store_sales()))
    products = mart(warehouse, "store_id, category, units, amount", "mart_product_sales")
    assert products == plain(list(chain.product_sales()))
    [(orders, amount)] = warehouse.rows(f"select count(*), sum(amount) from {warehouse.schema}.fct_orders")
    assert (orders, amount) == (chain.count("orders"), sum(chain.amounts().values()))


def indexes(warehouse: Warehouse) -> set[str]:
    return {
        row[0]
        for row in warehouse.rows(
            f"select index_name from information_schema.statistics where table_schema = '{warehouse.schema}'"
        )
    }


def test_two_days_of_the_chain(warehouse: Warehouse) -> None:
    """A first build, and an incremental one a day later."""
    first = Chain(f"{warehouse.schema}_shop")
    first.load(warehouse)
    project = example(warehouse)
    results = project.build()
    assert results.success, results
    assert results["daily_sales_add_up_per_store_and_day"].status == "pass"
    check_marts(warehouse, first)
    assert warehouse.rows(f"select count(*) from {warehouse.schema}.snap_customers") == [(first.count("customers"),)]
    if warehouse.kind != "duckdb":
        assert {"ix_order", "ix_store_date", "ix_line", "ix_customer"} <= indexes(warehouse)

    second = Chain(f"{warehouse.schema}_shop", more_days=1)
    second.load(warehouse)
    results = project.build()
    assert results.success, results
    check_marts(warehouse, second)
    changed = second.changed("customers", first, [3])
    assert changed > 0
    closed = warehouse.rows(f"select count(*) from {warehouse.schema}.snap_customers where dbt_valid_to is not null")
    assert closed == [(changed,)]
    [(prices,)] = warehouse.rows(
        f"select count(*) from {warehouse.schema}.snap_products where dbt_valid_to is not null"
    )
    assert prices == second.changed("products", first, [3])


def test_an_incremental_day_gives_what_a_full_refresh_gives(warehouse: Warehouse) -> None:
    Chain(f"{warehouse.schema}_shop").load(warehouse)
    project = example(warehouse)
    project.build().raise_for_failures()
    Chain(f"{warehouse.schema}_shop", more_days=1).load(warehouse)
    project.build().raise_for_failures()
    facts = f"select order_key, status, amount, revenue from {warehouse.schema}.fct_orders order by 1"
    incremental = warehouse.rows(facts)
    project.build(full_refresh=True).raise_for_failures()
    assert warehouse.rows(facts) == incremental


def test_the_chain_scales_by_one_variable(warehouse: Warehouse) -> None:
    chain = Chain(f"{warehouse.schema}_shop", stores=5)
    chain.load(warehouse)
    project = example(warehouse, store_count=5)
    project.build(exclude="resource_type:snapshot").raise_for_failures()
    check_marts(warehouse, chain)
    assert len(project.ls(resource_type="source")) == 20


def test_freshness_tells_old_sources(warehouse: Warehouse) -> None:
    Chain(f"{warehouse.schema}_shop").load(warehouse)
    project = example(warehouse)
    fresh = project.source_freshness()
    assert fresh.success
    assert {result.status for result in fresh} == {"pass"}
    assert all(result.age > 0 for result in fresh)
    table = f"{warehouse.schema}_shop_002.orders"
    warehouse.rows(f"update {table} set updated_at = '2020-01-01 00:00:00'")
    stale = project.source_freshness(select="source:shop_002.orders")
    assert not stale.success
    assert [result.status for result in stale] == ["error"]


def test_a_renamed_column_stops_before_the_mart(warehouse: Warehouse) -> None:
    """The night on which a till renamed customer_id: the marts keep yesterday's rows."""
    chain = Chain(f"{warehouse.schema}_shop")
    chain.load(warehouse)
    project = example(warehouse)
    project.build().raise_for_failures()
    warehouse.rows(f"alter table {warehouse.schema}_shop_002.orders rename column customer_id to customerid")
    results = project.build()
    assert not results.success
    assert results["stg_orders"].status == "error"
    assert "customer_id" in results["stg_orders"].explain()
    assert results["mart_daily_store_sales"].status == "skipped"
    assert results["mart_product_sales"].status == "success"
    check_marts(warehouse, chain)
    with pytest.raises(hw.DatabaseError, match="stg_orders"):
        results.raise_for_failures()


def test_artifacts_are_what_dbt_writes(warehouse: Warehouse) -> None:
    from dbt_artifacts_parser.parser import parse_manifest, parse_run_results, parse_sources

    Chain(f"{warehouse.schema}_shop").load(warehouse)
    project = example(warehouse)
    results = project.build()
    project.source_freshness()
    target = Path(project.project_dir) / "target"
    manifest = parse_manifest(json.loads((target / "manifest.json").read_text()))
    assert "model.shops.mart_daily_store_sales" in manifest.nodes
    run = parse_run_results(json.loads((target / "run_results.json").read_text()))
    # The newest invocation wrote it: freshness leaves it alone.
    assert len(run.results) == len(results)
    sources = parse_sources(json.loads((target / "sources.json").read_text()))
    assert len(sources.results) == 6
