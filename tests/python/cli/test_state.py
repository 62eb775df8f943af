"""What commands do with the artifacts of earlier runs: `retry`, `state:`, `result:`, `--defer`."""

from __future__ import annotations

import shutil
from pathlib import Path

import headwater as hw
import pytest

PROJECT = """\
name: shop
version: '1.0'
profile: shop
"""
PROFILES = """\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: warehouse.duckdb, schema: dev}
    prod: {type: duckdb, path: warehouse.duckdb, schema: prod}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """a → b → c; b needs a variable to be right."""
    files = {
        "dbt_project.yml": PROJECT,
        "profiles.yml": PROFILES,
        "models/a.sql": "select 1 as id",
        "models/b.sql": "select {{ var('column', 'nothing') }} as id from {{ ref('a') }}",
        "models/c.sql": "select * from {{ ref('b') }}",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def invoke(shop: Path, *argv: str) -> hw.Outcome:
    return hw.Runner().invoke([*argv, "--project-dir", str(shop), "--profiles-dir", str(shop)])


def names(outcome: hw.Outcome) -> set[str]:
    return {result.unique_id.split(".")[-1] for result in outcome.result}


def test_retry_runs_what_did_not_succeed(shop: Path):
    """Only those, with the options of the last run; when nothing is left, that is fine."""
    assert not invoke(shop, "run").success
    assert names(invoke(shop, "retry")) == {"b", "c"}
    fixed = invoke(shop, "retry", "--vars", "column: id")
    assert fixed.success
    assert names(fixed) == {"b", "c"}
    assert invoke(shop, "retry").success


def test_retry_refuses_what_left_no_results(shop: Path):
    """There has to be a last run."""
    assert not invoke(shop, "retry").success


def test_state_and_result_select_by_an_earlier_run(shop: Path):
    """A copy of the target folder is the state."""
    assert not invoke(shop, "run").success
    shutil.copytree(shop / "target", shop / "state")
    (shop / "models/c.sql").write_text("select id from {{ ref('b') }}")
    listed = invoke(shop, "ls", "--state", "state", "--select", "state:modified")
    assert listed.result == ["shop.c"]
    assert invoke(shop, "ls", "--state", "state", "--select", "result:error").result == ["shop.b"]
    assert not invoke(shop, "ls", "--select", "state:modified", "--no-keep-state").success


def test_deferred_refs_read_production(shop: Path):
    """One model is built on what production has."""
    variables = ["--vars", "column: id"]
    assert invoke(shop, "run", "--target", "prod", *variables).success
    shutil.copytree(shop / "target", shop / "state")
    assert not invoke(shop, "run", "--select", "c", *variables).success
    assert not invoke(shop, "run", "--select", "c", "--defer", *variables).success
    assert invoke(shop, "run", "--select", "c", "--defer", "--state", "state", *variables).success
    assert '"prod"."b"' in (shop / "target/compiled/shop/models/c.sql").read_text()


def test_a_config_that_looks_at_the_target_is_the_same_on_all_targets(shop: Path):
    """Configs are compared as they are written, unless a behaviour flag says otherwise."""
    config = "{{ config(materialized='table' if target.name == 'prod' else 'view', meta={'on': target.name}) }}"
    (shop / "models" / "a.sql").write_text(f"{config} select 1 as id")
    other = ["--state", str(shop / "earlier"), "--target", "prod", "--output", "name"]
    for text, modified in [("", []), ("flags: {state_modified_compare_more_unrendered_values: false}\n", ["a"])]:
        (shop / "dbt_project.yml").write_text(PROJECT + text)
        assert invoke(shop, "parse").success
        shutil.copytree(shop / "target", shop / "earlier", dirs_exist_ok=True)
        assert invoke(shop, "ls", "-s", "state:modified", *other).result == modified
