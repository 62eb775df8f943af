"""Functions of the user's own: built before what calls them, and replaced when they change."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import Warehouse

FILES = {
    "functions/add_tax.sql": "amount * {{ var('rate', 2) }}",
    "functions/twice_taxed.sql": "{{ function('add_tax') }}(amount) + {{ function('shop', 'add_tax') }}(amount)",
    "functions/functions.yml": """\
        functions:
          - name: add_tax
            description: adds the tax
            config: {volatility: deterministic, tags: [money]}
            arguments: [{name: amount, data_type: integer, description: before tax}]
            returns: {data_type: integer}
          - name: twice_taxed
            arguments: [{name: amount, data_type: integer}]
            returns: {data_type: integer}
        """,
    "models/orders.sql": "select {{ function('twice_taxed') }}(10) as gross",
}


def test_functions_are_built_before_what_calls_them(warehouse: Warehouse):
    """On each database, and again with another body."""
    project = warehouse.project(FILES)
    order = [result.unique_id for result in project.build()]
    assert order == ["function.shop.add_tax", "function.shop.twice_taxed", "model.shop.orders"]
    assert warehouse.rows(f"select gross from {warehouse.schema}.orders") == [(40,)]
    again = warehouse.project(FILES, vars={"rate": 3})
    assert [result.unique_id for result in again.build(select="resource_type:function")] == order[:2]
    assert warehouse.rows(f"select {warehouse.schema}.add_tax(5)") == [(15,)]
    manifest = json.loads((Path(warehouse.folder) / "shop/target/manifest.json").read_text())
    entry = manifest["functions"]["function.shop.add_tax"]
    assert entry["returns"] == {"data_type": "integer", "description": None}
    assert entry["arguments"][0]["description"] == "before tax"
    assert (entry["relation_name"], entry["config"]["type"], entry["tags"]) == (None, "scalar", ["money"])
    assert manifest["nodes"]["model.shop.orders"]["functions"] == [["twice_taxed"]]
    assert manifest["parent_map"]["model.shop.orders"] == ["function.shop.twice_taxed"]
    assert "function.shop.add_tax" not in manifest["nodes"]


def test_other_kinds_of_functions(warehouse: Warehouse):
    """DuckDB has functions that give tables; aggregates are refused everywhere."""
    files = {
        "functions/rows_to.sql": "select range as n from range(top)",
        "functions/total.sql": "sum(x)",
        "functions/functions.yml": """\
            functions:
              - name: rows_to
                config: {type: table}
                arguments: [{name: top, data_type: integer}]
                returns: {data_type: integer}
              - name: total
                config: {type: aggregate}
                arguments: [{name: x, data_type: integer}]
                returns: {data_type: integer}
            """,
    }
    results = warehouse.project(files).build()
    statuses = {result.unique_id: str(result.status) for result in results}
    messages = {result.unique_id: result.message or "" for result in results}
    assert statuses["function.shop.total"] == "error"
    assert "is an aggregate" in messages["function.shop.total"]
    if warehouse.kind == "duckdb":
        assert warehouse.rows(f"select sum(n) from {warehouse.schema}.rows_to(4)") == [(6,)]
    else:
        assert "gives a table" in messages["function.shop.rows_to"]
