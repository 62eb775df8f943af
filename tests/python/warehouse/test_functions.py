"""Functions of the user's own: built before what calls them, and replaced when they change."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import headwater as hw
import pymysql
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
    assert (entry["config"]["type"], entry["tags"]) == ("scalar", ["money"])
    assert manifest["nodes"]["model.shop.orders"]["functions"] == [["twice_taxed"]]
    assert manifest["parent_map"]["model.shop.orders"] == ["function.shop.twice_taxed"]
    assert "function.shop.add_tax" not in manifest["nodes"]
    assert "add_tax" in manifest["functions"]["function.shop.add_tax"]["relation_name"]


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
    [refused] = [result.diagnostic for result in results if result.name == "total"]
    assert refused
    assert refused["code"] == "not-supported"
    if warehouse.kind == "duckdb":
        assert warehouse.rows(f"select sum(n) from {warehouse.schema}.rows_to(4)") == [(6,)]
    else:
        assert "gives a table" in messages["function.shop.rows_to"]


def routines(server: Warehouse) -> dict[str, tuple[Any, ...]]:
    rows = server.rows(
        "select routine_name, created, is_deterministic, security_type from information_schema.routines"
        f" where routine_schema = '{server.schema}'"
    )
    return {row[0]: row[1:] for row in rows}


def build_functions(server: Warehouse, **settings: Any) -> list[hw.NodeResult]:
    return list(server.project(FILES, **settings).build(select="resource_type:function"))


def test_what_has_changed_is_replaced_and_nothing_else(server: Warehouse):
    """MySQL has no `create or replace function`, so that there an unchanged function is left alone."""
    build_functions(server)
    before = routines(server)
    assert set(before) == {"add_tax", "twice_taxed"}
    time.sleep(1.1)  # `created` is in whole seconds
    messages = [result.message for result in build_functions(server)]
    kept = server.kind == "mysql"
    assert (routines(server) == before) is kept
    assert (messages == ["UNCHANGED", "UNCHANGED"]) is kept
    results = build_functions(server, vars={"rate": 3})
    assert server.rows(f"select {server.schema}.add_tax(5)") == [(15,)]
    after = routines(server)
    assert after["add_tax"] != before["add_tax"]
    assert set(after) == set(before)
    # Only the other one is as it was.
    assert [result.message == "UNCHANGED" for result in results] == [False, kept]
    # What the body does not say counts as well.
    server.rows(f"alter function {server.schema}.add_tax sql security invoker")
    files = {
        **FILES,
        "functions/functions.yml": FILES["functions/functions.yml"].replace(
            "volatility: determ", "volatility: non-determ"
        ),
    }
    list(server.project(files, vars={"rate": 3}).build(select="add_tax"))
    assert routines(server)["add_tax"][1:] == ("NO", "DEFINER")
    server.rows(f"alter function {server.schema}.add_tax sql security invoker")
    list(server.project(files, vars={"rate": 3}).build(select="add_tax"))
    assert routines(server)["add_tax"][1:] == ("NO", "DEFINER")


def test_what_the_server_refuses_replaces_nothing(server: Warehouse):
    build_functions(server)
    before = routines(server)
    [result, *_] = build_functions(server, vars={"rate": "2 +"})
    assert str(result.status) == "error"
    assert "functions/add_tax.sql:1" in result.explain()
    assert "__dbt_tmp" not in result.explain()
    assert routines(server) == before
    assert server.rows(f"select {server.schema}.add_tax(5)") == [(10,)]


def test_readers_never_miss_a_function(server: Warehouse):
    """While it is built again: on MariaDB with another body, on MySQL with the same one."""
    build_functions(server)
    missed: list[str] = []
    calls = 0
    stop = threading.Event()

    def read() -> None:
        nonlocal calls
        with server.connect() as connection, connection.cursor() as cursor:
            while not stop.is_set():
                try:
                    cursor.execute(f"select {server.schema}.add_tax(1)")
                    calls += 1
                except pymysql.Error as error:
                    missed.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for rate in range(2, 12):
            build_functions(server, vars={"rate": rate if server.kind == "mariadb" else 2})
    finally:
        stop.set()
        reader.join()
    assert calls > 10
    assert missed == []
