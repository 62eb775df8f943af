"""The state that Headwater keeps itself: `state:`, `result:` and `source_status:` without `--state`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import headwater as hw
import pytest

FILES = {
    "dbt_project.yml": """\
name: shop
version: '1.0'
profile: shop
vars: {rate: 2}
models:
  shop:
    c: {+materialized: "{{ env_var('SHOP_C', 'view') }}"}
""",
    "profiles.yml": """\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: warehouse.duckdb, schema: dev}
    Prod EU: {type: duckdb, path: warehouse.duckdb, schema: prod}
    memory: {type: duckdb, path: ':memory:', schema: dev}
""",
    "macros/rate.sql": "{% macro rate() %}{{ outer_rate() }}{% endmacro %}",
    "macros/outer.sql": "{% macro outer_rate() %}{% if execute %}{{ var('rate') }}"
    "{% do var('word', '') %}{% endif %}{% endmacro %}",
    "models/a.sql": "select 1 as id",
    "models/b.sql": "select id * {{ rate() }} as id from {{ ref('a') }}",
    "models/c.sql": "select id from {{ ref('b') }}",
    "models/between.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('a') }}",
    "models/left.sql": "select id from {{ ref('between') }}",
    "models/right.sql": "select id from {{ ref('between') }}",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """a → b → c, and a → between (ephemeral) → left, right."""
    for name, text in FILES.items():
        write(tmp_path / name, text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def invoke(shop: Path, *argv: str) -> hw.Outcome:
    return hw.Runner().invoke([*argv, "--project-dir", str(shop), "--profiles-dir", str(shop)])


def ran(shop: Path, *argv: str) -> str:
    outcome = invoke(shop, *argv)
    assert outcome.success, outcome
    return " ".join(sorted(result.unique_id.split(".")[-1] for result in outcome.result))


def listed(shop: Path, select: str, *argv: str) -> str:
    outcome = invoke(shop, "ls", "--select", select, *argv)
    assert outcome.exit_code == 0, outcome
    return " ".join(sorted(line.split(".")[-1] for line in outcome.result))


def test_a_partial_run_leaves_the_rest_modified(shop: Path, capfd: pytest.CaptureFixture[str]):
    """What is built takes its new entry, what is not keeps the old one; what fails does too."""
    assert ran(shop, "run", "--select", "state:modified+") == "a b c left right"
    assert "no state is kept yet of target `dev`, so everything counts as new" in capfd.readouterr().err
    assert ran(shop, "run", "--select", "state:modified+") == ""
    assert "no state" not in capfd.readouterr().err
    write(shop / "models/a.sql", "select 2 as id")
    write(shop / "models/c.sql", "select id + 1 as id from {{ ref('b') }}")
    write(shop / "models/new.sql", "select 1 as id")
    assert listed(shop, "state:modified") == "a c new"
    assert ran(shop, "run", "--select", "a") == "a"
    assert listed(shop, "state:modified") == "c new"
    assert (listed(shop, "state:new"), listed(shop, "state:modified.body")) == ("new", "c new")
    write(shop / "models/c.sql", "select nothing as id from {{ ref('b') }}")
    assert not invoke(shop, "run").success
    assert listed(shop, "state:modified") == "c"
    assert listed(shop, "result:error") == "c"
    (shop / "models/c.sql").unlink()
    assert ran(shop, "run", "--select", "a") == "a"
    assert listed(shop, "result:success") == "a b left new right"


def test_each_target_has_a_state_of_its_own(shop: Path):
    """In a folder whose name any file system takes; of a database in memory nothing stays, so nothing is kept."""
    invoke(shop, "run")
    assert listed(shop, "state:modified", "--target", "Prod EU").split()[0] == "a"
    invoke(shop, "run", "--target", "Prod EU")
    assert listed(shop, "state:modified", "--target", "Prod EU") == ""
    assert sorted(entry.name for entry in (shop / ".headwater/state").iterdir()) == ["%50rod%20%45%55", "dev"]
    assert (shop / ".headwater/.gitignore").read_text() == "*\n"
    invoke(shop, "run", "--target", "memory")
    assert listed(shop, "state:modified", "--target", "memory") != ""
    # The same target, in another database or another schema: nothing has been built there.
    profiles = (shop / "profiles.yml").read_text()
    write(shop / "profiles.yml", profiles.replace("schema: dev", "schema: other"))
    assert listed(shop, "state:modified") == "a b c left right"
    write(shop / "profiles.yml", profiles.replace("warehouse", "other"))
    assert listed(shop, "state:new") == "a b between c left right"


def test_macros_and_ephemeral_models_stay_modified_for_who_has_not_seen_them(shop: Path):
    """A macro by each node, an ephemeral model by all that it is written into."""
    write(shop / "models/d.sql", "select {{ rate() }} as id")
    assert ran(shop, "run") == "a b c d left right"
    write(shop / "macros/outer.sql", "{% macro outer_rate() %}3{% endmacro %}")
    assert listed(shop, "state:modified.macros") == "b d"
    ran(shop, "run", "--select", "d")
    assert listed(shop, "state:modified.macros") == "b"
    ran(shop, "run", "--select", "b")
    assert listed(shop, "state:modified") == ""
    write(shop / "models/between.sql", FILES["models/between.sql"] + " where id > 0")
    ran(shop, "run", "--select", "left")
    assert listed(shop, "state:modified+") == "between left right"
    ran(shop, "run", "--select", "right")
    assert listed(shop, "state:modified") == ""


def test_other_values_of_variables_are_a_modification(shop: Path, monkeypatch: pytest.MonkeyPatch):
    """Deep in macros, at run time only, and in the project's configuration; unless that is switched off."""
    monkeypatch.delenv("SHOP_C", raising=False)
    ran(shop, "run")
    rate = ("--vars", "{rate: 3, word: verbatim}")
    assert listed(shop, "state:modified", *rate) == "b"
    assert listed(shop, "state:modified.vars+", *rate) == "b c"
    assert listed(shop, "state:modified", *rate, "--no-state-vars") == ""
    assert listed(shop, "state:modified", "--vars", "other: 3") == ""
    monkeypatch.setenv("SHOP_C", "table")
    assert listed(shop, "state:modified.vars") == "c"
    ran(shop, "run", *rate)
    assert listed(shop, "state:modified", *rate) == ""
    assert listed(shop, "state:modified") == "b"
    # A copy of the artifacts tells it too, a manifest of dbt alone does not.
    shutil.copytree(shop / "target", shop / "copy")
    state = ("--state", str(shop / "copy"))
    assert listed(shop, "state:modified", *state) == "b"
    (shop / "copy/headwater_state.json").unlink()
    assert listed(shop, "state:modified", *state) == ""
    assert not invoke(shop, "ls", "--select", "state:modified.vars", *state).success
    kept = (shop / ".headwater/state/dev/state.json").read_text() + (shop / "target/headwater_state.json").read_text()
    assert "var:shop:rate" in kept
    assert "verbatim" not in kept


def test_sources_are_fresher_until_everything_has_read_them(shop: Path):
    """`source_status:` without `--state`."""
    source = "sources: [{name: raw, schema: \"{{ var('raw', 'raw') }}\", tables: [{name: t, loaded_at_field: seen, "
    source += "freshness: {warn_after: {count: 9, period: day}}}]}]\n"
    write(shop / "models/sources.yml", source)
    write(shop / "models/left.sql", "select id from {{ source('raw', 't') }}")
    write(shop / "models/right.sql", "select id from {{ source('raw', 't') }}")
    write(
        shop / "macros/load.sql",
        "{% macro load(at) %}{% do run_query('create schema if not exists raw') %}"
        '{% do run_query("create or replace table raw.t as select 1 as id, timestamp \'" ~ at ~ "\' as seen") %}'
        "{% endmacro %}",
    )
    load = lambda at: invoke(shop, "run-operation", "load", "--args", f"at: '{at}'").success  # noqa: E731
    assert load("2026-01-01")
    invoke(shop, "source", "freshness")
    assert listed(shop, "source_status:fresher+") == "left right t"
    ran(shop, "run")
    assert listed(shop, "source_status:fresher+") == ""
    assert load("2026-01-02")
    invoke(shop, "source", "freshness")
    ran(shop, "run", "--select", "left")
    assert listed(shop, "source_status:fresher+") == "left right t"
    ran(shop, "run", "--select", "right")
    assert listed(shop, "source_status:fresher+") == ""
    # Another schema for the source is a change of what reads it.
    assert listed(shop, "state:modified+", "--vars", "raw: other") == "left right t"


def test_the_state_can_be_switched_off_copied_and_lost(shop: Path, capfd: pytest.CaptureFixture[str]):
    """`--no-keep-state`; a copy for `--state`; a broken file; a folder that cannot be written."""
    ran(shop, "run", "--no-keep-state")
    ran(shop, "run", "--empty")
    assert not (shop / ".headwater").exists()
    refused = invoke(shop, "ls", "--select", "state:modified", "--no-keep-state")
    assert (refused.success, refused.exit_code) == (False, 2)
    ran(shop, "run")
    before = (shop / ".headwater/state/dev/state.json").stat().st_mtime_ns
    ran(shop, "run")
    assert (shop / ".headwater/state/dev/state.json").stat().st_mtime_ns == before
    shutil.copytree(shop / ".headwater/state/dev", shop / "elsewhere")
    write(shop / "models/a.sql", "select 2 as id")
    assert listed(shop, "state:modified", "--state", str(shop / "elsewhere"), "--target", "Prod EU") != ""
    assert listed(shop, "state:modified.body", "--state", str(shop / "elsewhere")) == "a"
    assert not invoke(shop, "run", "--defer").success
    invoke(shop, "clean")
    assert listed(shop, "state:modified") == "a"
    write(shop / ".headwater/state/dev/state.json", "{")
    capfd.readouterr()
    assert invoke(shop, "ls", "--select", "state:modified").exit_code == 2
    assert "the next run keeps a new one" in capfd.readouterr().err
    ran(shop, "run")
    assert listed(shop, "state:modified") == ""
    shutil.rmtree(shop / ".headwater")
    write(shop / ".headwater", "in the way")
    capfd.readouterr()
    assert invoke(shop, "run", "--warn-error").success
    assert "warning[file]" in capfd.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="one project is opened twice")
def test_runs_at_the_same_time_lose_nothing(shop: Path):
    """Each adds what it has built."""
    from concurrent.futures import ThreadPoolExecutor

    for number in range(8):
        write(shop / f"models/m{number}.sql", f"select {number} as id")
    runs = [("run", "--select", f"m{number}", "--target-path", f"target{number}") for number in range(8)]
    ran(shop, "run", "--select", "a")
    with ThreadPoolExecutor(8) as pool:
        assert all(outcome.success for outcome in pool.map(lambda argv: invoke(shop, *argv), runs))
    assert listed(shop, "state:old") == "a " + " ".join(f"m{number}" for number in range(8))
