"""The semantic layer on models and columns, as dbt writes it for the same project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from compare import differences
from outside import python_of

PROJECT = """\
    name: shop
    version: "1.0"
    profile: shop
    metrics: {shop: {+meta: {tree: 1}}}
    semantic-models: {shop: {+meta: {models: 1}}}
    """
PROFILES = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}"
ORDERS = """\
    models:
      - name: days
        time_spine: {standard_granularity_column: day}
        columns: [{name: day, granularity: day}]
      - name: orders
        description: Orders of {{ doc('amount') }}
        semantic_model: true
        agg_time_dimension: ordered_at
        columns:
          - {name: order_id, description: The key, config: {meta: {c: 1}}, entity: primary, data_tests: [unique]}
          - name: customer_id
            entity: {name: customer, type: foreign, description: Who, label: Customer, config: {meta: {e: 1}}}
          - {name: ordered_at, granularity: DAY, description: When, dimension: time}
          - name: status
            description: "{{ doc('amount') }}"
            config: {meta: {c: 1, d: 0}}
            dimension: {type: categorical, name: order_status, label: Status, config: {meta: {d: 1}}}
        derived_semantics:
          dimensions:
            - {name: is_big, type: categorical, expr: amount > 10, description: "{{ doc('amount') }}", label: Big}
            - {name: order_month, type: time, granularity: month, expr: "date_trunc('month', ordered_at)"}
          entities: [{name: status_key, type: foreign, expr: lower(status), config: {meta: {x: 1}}}]
        metrics:
          - name: revenue
            description: "{{ doc('amount') }}"
            agg: sum
            expr: amount
            label: Revenue
            filter: "{{ Dimension('order_id__order_status') }} = 'a'"
            join_to_timespine: true
            fill_nulls_with: 0
            config: {meta: {own: 1}}
          - {name: order_count, type: simple, agg: count, expr: 1}
          - {name: p90, agg: percentile, expr: amount, percentile: 0.9, percentile_type: discrete, hidden: true}
          - {name: med, agg: median, expr: amount, agg_time_dimension: order_month, time_granularity: month}
          - name: stock
            agg: sum
            expr: amount
            non_additive_dimension: {name: ordered_at, window_agg: max, group_by: [customer]}
          - {name: running, type: cumulative, input_metric: revenue, window: 7 days}
          - name: to_date
            type: cumulative
            input_metric: {name: revenue, filter: a = 1, alias: r}
            grain_to_date: MONTH
            period_agg: last
          - {name: aov, type: ratio, numerator: revenue, denominator: {name: order_count, filter: [b = 1, c = 1]}}
          - name: growth
            type: derived
            expr: revenue - before
            input_metrics: [revenue, {name: revenue, alias: before, offset_window: 1 month}]
          - {name: idle, agg: sum, expr: amount, config: {enabled: false}}
    """
OTHERS = """\
    groups: [{name: finance, owner: {email: a@b.c}}]
    models:
      - name: customers
        semantic_model: {name: people, group: finance, config: {meta: {s: 1}}}
        agg_time_dimension: valid_from
        primary_entity: person
        columns:
          - {name: customer_id, entity: natural}
          - {name: valid_from, granularity: day, dimension: {type: time, validity_params: {is_start: true}}}
          - {name: valid_to, granularity: day, dimension: {type: time, validity_params: {is_end: true}}}
          - {name: region, dimension: categorical}
        metrics: [{name: head_count, agg: count, expr: customer_id}]
      - name: visits
        semantic_model: {enabled: true, name: visits}
        agg_time_dimension: visited_at
        columns:
          - {name: visit_id, entity: {type: primary, name: visit}}
          - {name: customer_id, entity: {type: foreign, name: customer}}
          - {name: visited_at, granularity: day, dimension: {type: time, is_partition: true}}
        metrics: [{name: visit_count, agg: count, expr: "1"}]
      - name: idle
        semantic_model: {enabled: false}
        columns: [{name: a, entity: primary}]
        metrics: [{name: nothing, agg: sum, expr: a}]
    metrics:
      - name: converted
        type: conversion
        entity: customer
        calculation: conversion_rate
        base_metric: visit_count
        conversion_metric: {name: order_count}
        window: 7 days
        constant_properties: [{base_property: visit, conversion_property: order_id}]
      - {name: top_ratio, type: ratio, numerator: aov, denominator: running, config: {meta: {z: 1}, group: finance}}
    saved_queries: [{name: weekly, query_params: {metrics: [converted, aov]}}]
    exposures: [{name: board, type: dashboard, owner: {name: Ann}, depends_on: ["metric('running')"]}]
    """
#: In the older form beside it.
MEASURES = """\
    semantic_models:
      - name: old
        model: ref('visits')
        defaults: {agg_time_dimension: seen_at}
        entities: [{name: old_visit, type: primary, expr: visit_id}]
        dimensions: [{name: seen_at, type: time, expr: visited_at, type_params: {time_granularity: day}}]
        measures: [{name: seen, agg: sum, expr: 1, create_metric: true}]
    metrics:
      - {name: seen_sum, label: Sum, type: cumulative, type_params: {measure: seen}}
      - {name: mixed, type: ratio, numerator: seen, denominator: visit_count}
    """
FILES = {
    "dbt_project.yml": PROJECT,
    "profiles.yml": PROFILES,
    "models/marts/orders.yml": ORDERS,
    "models/others.yml": OTHERS,
    "models/measures.yml": MEASURES,
    "models/docs.md": "{% docs amount %}Amount{% enddocs %}",
    **{f"models/{name}.sql": "select 1 as a" for name in ("days", "orders", "customers", "visits", "idle")},
}
ALLOWED = {
    "/*/*/created_at": "a time",
    "/disabled/*/*/created_at": "a time",
    "/semantic_models/*/dimensions/*/datatype?": "always null, and unknown to the parser of artifacts",
}
SECTIONS = ("semantic_models", "metrics", "saved_queries", "exposures", "disabled")


def comparable(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the manifest says of the semantic layer, and the semantic manifest with its things by name."""
    manifest = json.loads((folder / "manifest.json").read_text())
    models = {id: node for id, node in manifest["nodes"].items() if id.startswith("model.")}
    document = {section: manifest[section] for section in SECTIONS}
    document["columns"] = {id: node["columns"] for id, node in models.items()}
    for edges in ("parent_map", "child_map", "group_map"):
        document[edges] = {id: sorted(others) for id, others in manifest[edges].items()}
    semantic = json.loads((folder / "semantic_manifest.json").read_text())
    for section in ("semantic_models", "metrics", "saved_queries"):
        semantic[section] = {entry["name"]: entry for entry in semantic[section]}
    return document, semantic


def test_the_semantic_layer_on_models_is_that_of_dbt(tmp_path: Path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(dedent(text))
    run_dbt = str(Path(__file__).parent / "run_dbt.py")
    done = python_of("dbt")(run_dbt, json.dumps([{"args": ["-q", "parse"], "keep": "theirs"}]), cwd=tmp_path)
    assert json.loads(done.stdout.splitlines()[-1])[0]["success"], done.stdout + done.stderr
    line = [sys.executable, "-m", "headwater", "parse", "--target-path", "ours"]
    ours = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert ours.returncode == 0, ours.stdout + ours.stderr
    for theirs, own in zip(comparable(tmp_path / "theirs"), comparable(tmp_path / "ours")):
        found = list(differences(theirs, own, ALLOWED))
        assert not found, "\n" + "\n".join(found)
    assert len(comparable(tmp_path / "ours")[0]["metrics"]) > 14
