"""The semantic layer: described, listed, compared and passed on, not computed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse, write_project

FILES = {
    "models/orders.sql": "select 1 as order_key, 2 as customer_id, date '2024-01-01' as ordered_at, 10 as amount",
    "models/uses.sql": "select '{{ metric('share') }}' as name",
    "models/days.sql": "select date '2024-01-01' as day, 2024 as fy",
    "models/shop.yml": """\
        groups: [{name: finance, owner: {email: a@b.c}}]
        models:
          - name: days
            time_spine: {standard_granularity_column: day, custom_granularities: [{name: fiscal, column_name: fy}]}
            columns: [{name: day, granularity: day}, {name: fy}]
        semantic_models:
          - name: orders
            model: ref('orders')
            defaults: {agg_time_dimension: ordered_at}
            entities: [{name: order_key, type: primary}, {name: customer, type: foreign, expr: customer_id}]
            dimensions:
              - {name: ordered_at, type: time, type_params: {time_granularity: day}}
              - {name: is_food, type: categorical, expr: amount > 5}
            measures:
              - {name: revenue, agg: sum, expr: amount, create_metric: true}
              - {name: order_count, agg: sum, expr: 1}
              - {name: p90, agg: percentile, expr: amount, agg_params: {percentile: 0.9}}
        metrics:
          - {name: order_total, label: All, type: simple, type_params: {measure: order_count}, config: {group: finance}}
          - name: food
            label: Food
            type: simple
            type_params: {measure: {name: revenue, fill_nulls_with: 0}}
            filter: "{{ Dimension('order_key__is_food') }}"
          - {name: share, label: Share, type: ratio, type_params: {numerator: food, denominator: revenue}}
          - name: growth
            label: Growth
            type: derived
            type_params: {expr: share - before, metrics: [share, {name: share, alias: before, offset_window: 1 month}]}
          - name: running
            label: Running
            type: cumulative
            type_params: {measure: revenue, cumulative_type_params: {window: 7 days}}
          - name: repeat
            label: Repeat
            type: conversion
            type_params:
              conversion_type_params:
                {base_measure: order_count, conversion_measure: order_count, entity: customer, window: 7 days}
        saved_queries:
          - name: weekly
            tags: [week]
            query_params:
              metrics: [share]
              group_by: ["TimeDimension('metric_time', 'week')"]
              where: "{{ Dimension('order_key__is_food') }}"
            exports: [{name: weekly, config: {export_as: table}}]
        exposures:
          - {name: board, type: dashboard, owner: {name: Ann}, depends_on: ["metric('growth')"]}
        """,
}


@pytest.fixture
def shop(duck: Warehouse) -> Path:
    """A project with every kind of metric."""
    return write_project(duck.folder / "shop", FILES, duck.output)


def invoke(shop: Path, *argv: str) -> hw.Outcome:
    return hw.Runner().invoke([*argv, "--project-dir", str(shop), "--profiles-dir", str(shop)])


def artifact(shop: Path, name: str) -> Any:
    return json.loads((shop / "target" / name).read_text())


def test_metricflow_can_read_the_semantic_manifest(shop: Path):
    """dbt's own classes read it, and dbt's own rules find nothing wrong in it."""
    from dbt_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
    from dbt_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator

    assert invoke(shop, "parse").success
    document = artifact(shop, "semantic_manifest.json")
    read = PydanticSemanticManifest.parse_obj(document)
    assert within(json.loads(read.json()), document), "the classes of dbt 1.11 know each key but those of 1.12"
    found = SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(read)
    assert not found.errors
    (spine,) = read.project_configuration.time_spines
    assert (spine.node_relation.alias, spine.primary_column.name) == ("days", "day")


def within(part: Any, whole: Any) -> bool:
    """Whether all of `part` is in `whole`, which may have more keys; a version may be a later one."""
    if isinstance(part, dict):
        keys = part.keys() - {"dsi_package_version"}
        return all(key in whole and within(part[key], whole[key]) for key in keys)
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(within, part, whole))
    return bool(part == whole)


def test_artifacts_hold_the_semantic_layer(shop: Path):
    """The parser of dbt's artifacts, which refuses unknown keys, reads them."""
    from dbt_artifacts_parser.parser import parse_manifest

    assert invoke(shop, "parse").success
    manifest = artifact(shop, "manifest.json")
    parsed = parse_manifest(manifest)
    assert set(parsed.metrics) == {f"metric.shop.{name}" for name in METRICS}
    assert manifest["parent_map"]["saved_query.shop.weekly"] == ["metric.shop.share"]
    assert sorted(manifest["child_map"]["semantic_model.shop.orders"]) == [
        f"metric.shop.{name}" for name in ("food", "order_total", "repeat", "revenue", "running")
    ]
    assert manifest["group_map"] == {"finance": ["metric.shop.order_total"]}


METRICS = ["food", "growth", "order_total", "repeat", "revenue", "running", "share"]


def test_semantic_things_are_listed_and_selected(shop: Path):
    """By type, by method, along edges, and in the forms that select them again."""

    def listed(*argv: str) -> list[str]:
        outcome = invoke(shop, "ls", *argv)
        assert outcome.success, outcome.exception
        return list(outcome.result)

    assert listed("--resource-type", "metric") == [f"metric:shop.{name}" for name in METRICS]
    assert listed("--select", "+saved_query:weekly", "--exclude", "resource_type:metric") == [
        "shop.orders",
        "saved_query:shop.weekly",
        "semantic_model:shop.orders",
    ]
    assert listed("--select", "metric:sh*", "semantic_model:shop.orders") == [
        "metric:shop.share",
        "semantic_model:shop.orders",
    ]
    assert listed("--select", "group:finance", "tag:week") == ["metric:shop.order_total", "saved_query:shop.weekly"]
    assert listed("--select", "orders+", "--resource-types", "exposure", "saved_query") == [
        "exposure:shop.board",
        "saved_query:shop.weekly",
    ]
    (entry,) = listed(
        "--select", "metric:growth", "--output", "json", "--output-keys", "unique_id type depends_on.nodes"
    )
    assert json.loads(entry) == {
        "unique_id": "metric.shop.growth",
        "type": "derived",
        "depends_on.nodes": ["metric.shop.share"],
    }


def test_saved_queries_are_no_ops(shop: Path):
    """`build` names them, and their exports are refused with a reason."""
    outcome = invoke(shop, "build", "--select", "+weekly", "+saved_query:weekly", "+exposure:board")
    assert outcome.success
    statuses = {result.unique_id: str(result.status) for result in outcome.result}
    assert statuses == {
        "model.shop.orders": "success",
        "saved_query.shop.weekly": "no-op",
        "exposure.shop.board": "no-op",
    }
    assert invoke(shop, "build", "--select", "uses").success
    assert "'share'" in (shop / "target/compiled/shop/models/uses.sql").read_text()
    refused = invoke(shop, "build", "--export-saved-queries")
    assert not refused.success
    assert "MetricFlow" in str(refused.exception)


def test_changed_metrics_are_modified(shop: Path):
    """Each kind by its own contents; what depends on them comes with `+`."""
    assert invoke(shop, "parse").success
    shutil.copytree(shop / "target", shop / "state")

    def modified(criterion: str = "state:modified") -> list[str]:
        outcome = invoke(shop, "ls", "--state", str(shop / "state"), "--select", criterion)
        return list(outcome.result)

    assert modified() == []
    path = shop / "models/shop.yml"
    text = path.read_text()
    for old, new, expected in [
        ("label: Running", "label: Sum", "metric:shop.running"),
        ("window: 7 days}}", "window: 8 days}}", "metric:shop.running"),
        ("percentile: 0.9", "percentile: 0.8", "semantic_model:shop.orders"),
        ("'metric_time', 'week'", "'metric_time', 'day'", "saved_query:shop.weekly"),
        ("export_as: table", "export_as: view", "saved_query:shop.weekly"),
    ]:
        assert old in text
        path.write_text(text.replace(old, new))
        assert modified() == [expected]
    path.write_text(text.replace("label: Growth", "label: Change"))
    assert modified("state:modified+") == ["exposure:shop.board", "metric:shop.growth"]
    assert modified("state:new") == []


ON_MODEL = """\
    models:
      - name: days
        time_spine: {standard_granularity_column: day}
        columns: [{name: day, granularity: day}]
      - name: orders
        semantic_model: true
        agg_time_dimension: ordered_at
        columns:
          - {name: order_key, entity: primary, data_tests: [unique]}
          - {name: ordered_at, granularity: day, dimension: {type: time}}
        metrics:
          - {name: revenue, agg: sum, expr: amount}
          - {name: running, type: cumulative, input_metric: revenue, window: 7 days}
    """


def test_the_semantic_layer_on_models_is_listed_compared_and_parsed_again(duck: Warehouse):
    """Also where the last parse is taken over: its properties file is read again."""
    files = {name: text for name, text in FILES.items() if name in ("models/orders.sql", "models/days.sql")}
    shop = write_project(duck.folder / "onmodel", {**files, "models/shop.yml": ON_MODEL}, duck.output)
    assert invoke(shop, "parse").success
    shutil.copytree(shop / "target", shop / "state")
    cold = artifact(shop, "semantic_manifest.json")
    assert [metric["name"] for metric in cold["metrics"]] == ["revenue", "running"]

    def listed(*argv: str) -> list[str]:
        outcome = invoke(shop, "ls", *argv)
        assert outcome.success, outcome.exception
        return list(outcome.result)

    assert sorted(listed("--select", "orders+", "--exclude", "resource_type:test")) == [
        "metric:shop.revenue",
        "metric:shop.running",
        "semantic_model:shop.orders",
        "shop.orders",
    ]
    (shop / "models/orders.sql").write_text((shop / "models/orders.sql").read_text() + " -- changed")
    assert invoke(shop, "parse").success
    assert artifact(shop, "semantic_manifest.json") == cold
    path = shop / "models/shop.yml"
    text = path.read_text()
    for old, new, expected in [
        ("window: 7 days", "window: 8 days", ["metric:shop.running"]),
        ("agg: sum", "agg: max", ["metric:shop.revenue"]),
        ("entity: primary", "entity: {type: primary, name: order}", ["semantic_model:shop.orders"]),
    ]:
        assert old in text
        path.write_text(text.replace(old, new))
        asked = ["--select", "state:modified", "--exclude", "resource_type:model"]
        changed = listed("--state", str(shop / "state"), *asked)
        assert changed == expected
