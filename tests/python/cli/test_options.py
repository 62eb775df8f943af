"""The command line's own: where options come from, and the options that only one command has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {
        "dbt_project.yml": "name: shop\nprofile: shop\nflags: {printer_width: 100}\n",
        "profiles.yml": "shop:\n  target: dev\n  outputs:\n"
        "    dev: {type: duckdb, path: \"{{ env_var('SHOP_PATH', 'shop.duckdb') }}\", schema: main}\n"
        "    other: {type: duckdb, path: shop.duckdb, schema: other}\n",
        "models/base.sql": "{{ config(materialized='ephemeral') }} select 1 as id",
        "models/upper.sql": "{{ config(materialized='ephemeral') }} select id + 1 as id from {{ ref('base') }}",
        "models/top.sql": "select * from {{ ref('upper') }}",
        "models/asks.sql": "{% set found = run_query('select 42 as x') %}"
        "select {{ found.columns[0].values()[0] if execute else 0 }} as x",
        "models/target.sql": "select '{{ target.name }}' as name, '{{ env_var(\"FLAVOUR\", \"none\") }}' as flavour,"
        ' \'{{ var("season", "none") }}\' as season',
    }
    for name, text in files.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "home").mkdir()
    return tmp_path / "shop"


def headwater(shop: Path, *args: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs the command with few variables: those of the tests' shell are not of interest."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "HEADWATER_"))}
    kept |= {"HOME": str(shop.parent / "home"), **env}
    command = [sys.executable, "-m", "headwater", *args]
    done = subprocess.run(command, cwd=shop, env=kept, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def compiled(shop: Path, *args: str, **env: str) -> str:
    return headwater(shop, "compile", "-q", "-s", "target", *args, **env).stdout


def artifact(shop: Path, name: str) -> dict:
    return json.loads((shop / "target" / name).read_text())


def test_variables_come_from_dotenv_under_the_shell(shop: Path):
    (shop / ".env").write_text("DBT_TARGET=other\nFLAVOUR='sweet' # as ever\nDBT_ENV_SECRET_KEY=hush-hush\n")
    assert "'other' as name, 'sweet' as flavour" in compiled(shop)
    assert "'dev' as name, 'sour' as flavour" in compiled(shop, DBT_TARGET="dev", FLAVOUR="sour")
    assert "'dev' as name" in compiled(shop, "--target", "dev")
    (shop / "macros").mkdir()
    (shop / "macros" / "m.sql").write_text("{% macro tell() %}{{ log('key ' ~ 'hush-hush', info=true) }}{% endmacro %}")
    told = headwater(shop, "run-operation", "tell").stdout
    assert "key *****" in told
    assert "hush-hush" not in told + (shop / "logs" / "dbt.log").read_text()


def test_vars_yml_is_under_the_command_line(shop: Path):
    (shop / "vars.yml").write_text("vars:\n  season: winter\n  folder: models\n")
    project = shop / "dbt_project.yml"
    project.write_text(project.read_text() + "model-paths: [\"{{ var('folder') }}\"]\n")
    assert "'winter' as season" in compiled(shop)
    assert "'summer' as season" in compiled(shop, "--vars", "{season: summer}")
    project.write_text(project.read_text() + "vars: {season: spring}\n")
    assert "both in vars.yml and in dbt_project.yml" in headwater(shop, "parse", code=2).stderr


def test_settings_of_the_user_come_last(shop: Path):
    settings = shop.parent / "home" / ".dbt" / "user_settings.yml"
    settings.parent.mkdir()
    settings.write_text("flags: {target: other, printer_width: 60, write_json: false}\n")
    assert "'other' as name" in compiled(shop)
    assert not (shop / "target" / "run_results.json").exists()
    headwater(shop, "compile", DBT_WRITE_JSON="1")
    args = artifact(shop, "run_results.json")["args"]
    assert (args["printer_width"], args["target"]) == (100, "other")


def test_older_variables_are_warned_of(shop: Path):
    done = headwater(shop, "ls", DBT_NO_PRINT="1", DBT_ENGINE_NOTHING="1")
    assert "`DBT_NO_PRINT` is now called `DBT_ENGINE_PRINT`" in done.stderr
    assert "`DBT_ENGINE_NOTHING` is no environment variable of dbt" in done.stderr
    assert "`EnvironmentVariableRenamed` once" in done.stderr
    options = '{"error": ["EnvironmentVariableNamespaceDeprecation"]}'
    headwater(shop, "ls", "--warn-error-options", options, code=2, DBT_ENGINE_NOTHING="1")


def test_warn_error_leaves_what_dbt_warns_of_on_other_databases_only(shop: Path):
    """On MySQL and DuckDB dbt says nothing of a `meta` outside of `config`, so a strict check passes with it."""
    (shop / "models" / "top.yml").write_text("models:\n  - {name: top, meta: {a: 1}}\n")
    told = headwater(shop, "parse", "--warn-error").stderr
    assert "warning[deprecated]: `meta` belongs under `config` now" in told
    named = "{error: [PropertyMovedToConfigDeprecation]}"
    assert "error[deprecated]: `meta`" in headwater(shop, "parse", "--warn-error-options", named, code=2).stderr
    silent = headwater(shop, "parse", "--warn-error-options", "{error: all, silence: [Deprecations]}")
    assert "meta" not in silent.stderr
    (shop / "models" / "top.yml").write_text("models:\n  - {name: nowhere}\n")
    assert "nowhere" in headwater(shop, "parse", "--warn-error", code=2).stderr
    wrong = headwater(shop, "parse", "--warn-error-options", "{silence: [NoNodeForYamlKeys]}", code=2)
    assert "did you mean `NoNodeForYamlKey`?" in wrong.stderr


def test_selectors_are_checked_by_every_command(shop: Path):
    (shop / "selectors.yml").write_text("selectors:\n  - {name: a, definition: 'tag:x', foo: 1}\n")
    assert "selectors.yml:2" in headwater(shop, "parse", code=2).stderr


def test_run_operation_runs_a_statement(shop: Path):
    headwater(shop, "run", "-s", "top")
    headwater(shop, "run-operation", "--sql", "create table copied as select * from {{ ref('top') }}")
    assert "| 2" in headwater(shop, "show", "-q", "--inline", "select * from copied").stdout
    result = artifact(shop, "run_results.json")["results"][0]
    assert (result["unique_id"], result["status"]) == ("sql_operation.shop.inline_query", "success")
    failed = headwater(shop, "run-operation", "--sql", "select * from nowhere", code=1)
    assert "nowhere" in failed.stderr
    assert headwater(shop, "run-operation", "--sql", "drop table copied; select 1", "a_macro", code=2).stderr


def test_tests_whose_failures_are_stored_have_a_relation(shop: Path):
    (shop / "tests").mkdir()
    (shop / "tests" / "some.sql").write_text("{{ config(severity='warn') }} select 1 as id")
    relation = '"shop"."main_dbt_test__audit"."some"'
    for flags, expected in [(["--store-failures"], relation), ([], None)]:
        done = headwater(shop, "test", *flags)
        assert (f"the failing rows are in {relation}" in done.stderr) == bool(expected)
        assert artifact(shop, "manifest.json")["nodes"]["test.shop.some"]["relation_name"] == expected
        (result,) = artifact(shop, "run_results.json")["results"]
        assert result["relation_name"] == expected
    # It ran without a relation last: that is no modification.
    again = headwater(shop, "test", "-s", "some,state:modified", "--store-failures")
    assert "TOTAL=" not in again.stdout


def test_show_sends_a_query_as_it_is(shop: Path):
    (shop / "models" / "top.sql").write_text("{{ broken")
    done = headwater(
        shop, "show", "--inline-direct", "select i as n from range(9) t(i)", "--limit", "2", "--output", "json"
    )
    assert json.loads(done.stdout[done.stdout.index("{") :]) == {"show": [{"n": 0}, {"n": 1}]}


def test_without_introspection_no_node_asks_the_database(shop: Path):
    refused = headwater(shop, "compile", "-s", "asks", "--no-introspect", code=1).stderr
    assert "model `asks` asks the database while it is compiled" in refused
    assert "select 42 as x" in headwater(shop, "compile", "-s", "asks").stdout
    shown = headwater(shop, "show", "-q", "-s", "top", "--no-introspect").stdout
    assert "| 2" in shown


def test_ephemeral_models_are_listed_or_kept_out(shop: Path):
    headwater(shop, "compile", "-s", "top")
    node = artifact(shop, "manifest.json")["nodes"]["model.shop.top"]
    assert node["extra_ctes_injected"] is True
    assert [cte["id"] for cte in node["extra_ctes"]] == ["model.shop.base", "model.shop.upper"]
    assert node["extra_ctes"][0]["sql"] == " __dbt__cte__base as (\n select 1 as id\n)"
    headwater(shop, "compile", "-s", "top", "--no-inject-ephemeral-ctes")
    node = artifact(shop, "manifest.json")["nodes"]["model.shop.top"]
    assert node["compiled_code"] == "select * from __dbt__cte__upper"
    assert (node["extra_ctes_injected"], node["extra_ctes"]) == (False, [{"id": "model.shop.upper", "sql": None}])


def test_large_seeds_are_compared_by_their_path(shop: Path):
    (shop / "seeds").mkdir()
    (shop / "seeds" / "large.csv").write_text("id\n" + "1\n" * 700_000)
    kinds = {}
    for limit in ("1", "0", "2"):
        headwater(shop, "parse", "--maximum-seed-size-mib", limit)
        kinds[limit] = artifact(shop, "manifest.json")["nodes"]["seed.shop.large"]["checksum"]["name"]
    assert kinds == {"1": "path", "0": "sha256", "2": "sha256"}


def test_freshness_goes_where_it_is_told(shop: Path):
    (shop / "models" / "raw.yml").write_text(
        'sources:\n  - name: main\n    config: {loaded_at_field: "now()", freshness: {warn_after: {count: 1, '
        "period: day}}}\n"
        "    tables: [{name: events}]\n"
    )
    headwater(shop, "run-operation", "--sql", "create table events as select 1 as id")
    done = headwater(shop, "source", "freshness", "-o", "ages.json")
    assert json.loads((shop / "ages.json").read_text())["results"][0]["status"] == "pass"
    assert "`--output` of `source freshness` is deprecated" in done.stderr


def test_warn_error_is_about_freshness_too(shop: Path):
    """As in dbt, but that sources.json keeps the source, with the status that the exit code is about."""
    limits = "freshness: {warn_after: {count: 1, period: hour}}"
    at = "loaded_at_field: \"timestamp '2020-01-01'\""
    table = f"{{name: old, identifier: asks, config: {{{at}}}}}"
    yaml = f"sources: [{{name: main, config: {{{limits}}}, tables: [{table}]}}]"
    (shop / "models" / "sources.yml").write_text(yaml)
    headwater(shop, "run")

    def status(*args: str, code: int = 0) -> str:
        told = headwater(shop, "source", "freshness", *args, code=code)
        [result] = artifact(shop, "sources.json")["results"]
        too_old = "error[stale-source]: source `main.old` is older than its `warn_after` of 1 hour"
        assert (too_old in told.stderr) == code
        return result["status"]

    assert status() == "warn"
    assert status("--warn-error", code=1) == "error"
    assert status("--warn-error-options", "{error: [LogFreshnessResult]}", code=1) == "error"
    assert status("--warn-error-options", "{error: all, warn: [LogFreshnessResult]}") == "warn"

    # Nothing to measure with: dbt's FreshnessConfigProblem.
    (shop / "models" / "sources.yml").write_text(yaml.replace(at, ""))
    assert "warning[freshness-config]: source `main.old`" in headwater(shop, "parse").stderr
    told = headwater(shop, "parse", "--warn-error-options", "{error: [FreshnessConfigProblem]}", code=2).stderr
    assert "models/sources.yml:1:" in told
    (shop / "models" / "sources.yml").write_text(yaml.replace(at, "freshness: null"))
    headwater(shop, "parse", "--warn-error")


def test_retry_restores_what_was_said_to_be_off(shop: Path):
    (shop / "models" / "fails.sql").write_text(
        "{{ config(full_refresh=true) }} select '{{ flags.FULL_REFRESH }}' from nowhere"
    )
    headwater(shop, "run", "-s", "fails", "--no-full-refresh", code=1)
    headwater(shop, "retry", code=1)
    args = artifact(shop, "run_results.json")["args"]
    assert ("full_refresh" in args, args["no_full_refresh"]) == (False, True)
    assert "select 'False' from nowhere" in (shop / "target" / "compiled" / "shop" / "models" / "fails.sql").read_text()
    headwater(shop, "docs", "generate", code=0)
    assert "Nothing to retry" in headwater(shop, "retry").stdout
    headwater(shop, "ls")


def test_a_failed_start_hook_may_be_survived(shop: Path):
    project = shop / "dbt_project.yml"
    text = project.read_text()
    project.write_text(text + "on-run-start: select * from nowhere\n")
    headwater(shop, "run", "-s", "top", code=1)
    assert [result["status"] for result in artifact(shop, "run_results.json")["results"]] == ["error", "skipped"]
    flags = "flags: {printer_width: 100, skip_nodes_if_on_run_start_fails: false}"
    project.write_text(project.read_text().replace("flags: {printer_width: 100}", flags))
    headwater(shop, "run", "-s", "top", code=1)
    assert [result["status"] for result in artifact(shop, "run_results.json")["results"]] == ["error", "success"]


def test_the_cache_is_filled_as_it_is_told(shop: Path):
    (shop / "models" / "far.sql").write_text("{{ config(schema='far') }} select 1 as id")

    def listed(*args: str) -> set[str]:
        log = shop / "logs" / "dbt.log"
        log.unlink(missing_ok=True)
        headwater(shop, "run", "-s", "top", *args)
        return {schema for schema in ("main", "main_far") if f"'{schema}'" in log.read_text()}

    headwater(shop, "run")
    assert "main_far" not in listed()
    assert "main_far" in listed("--no-cache-selected-only")
    headwater(shop, "run", "-s", "top", "--no-populate-cache")
