"""The command line as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import headwater as hw
import pytest
from conftest import Warehouse

MODELS = {
    "models/one.sql": "{{ config(materialized='table', tags=['daily']) }} select 1 as n",
    "models/two.sql": "select n from {{ ref('one') }}",
}


def headwater(project, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headwater", *args]
    return subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True)


def test_build_prints_what_it_did(duck: Warehouse):
    done = headwater(duck.project(MODELS), "build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK created sql table model" in done.stdout
    assert "Done. PASS=2 WARN=0 ERROR=0 SKIP=0" in done.stdout


def test_ls_prints_names_only(duck: Warehouse):
    project = duck.project(MODELS)
    assert headwater(project, "--quiet", "ls").stdout.split() == ["shop.one", "shop.two"]
    assert headwater(project, "-q", "ls", "--select", "tag:daily", "--output", "name").stdout.split() == ["one"]


def test_ls_writes_json_as_dbt(duck: Warehouse):
    """Scripts search its lines as text."""
    project = duck.project({**MODELS, "models/two.yml": "models: [{name: two, columns: [{name: n, tests: [unique]}]}]"})
    lines = headwater(project, "-q", "ls", "--output", "json").stdout.splitlines()
    two = next(line for line in lines if '"unique_id": "model.shop.two"' in line)
    keys = "name resource_type package_name original_file_path unique_id alias config tags depends_on direct_parents"
    assert list(json.loads(two)) == keys.split()
    assert json.loads(two)["direct_parents"] == ["model.shop.one"]
    test = next(line for line in lines if '"resource_type": "test"' in line)
    assert "direct_parents" not in json.loads(test)
    keys = ["--output-keys", "unique_id", "name", "config.materialized"]
    asked = headwater(project, "-q", "ls", "-s", "two", "--indirect-selection", "empty", "--output", "json", *keys)
    assert asked.stdout == '{"unique_id": "model.shop.two", "name": "two", "config.materialized": "view"}\n'


def test_quiet_commands_print_the_payload_only(duck: Warehouse):
    project = duck.project({"models/one.sql": "select 1 as n"})
    assert headwater(project, "-q", "compile", "-s", "one").stdout.strip() == "select 1 as n"
    assert headwater(project, "-q", "show", "-s", "one").stdout == "| n |\n| - |\n| 1 |\n"
    assert headwater(project, "-q", "show", "--inline", "select 2 as n").stdout == "| n |\n| - |\n| 2 |\n"


def test_a_run_that_cannot_begin_leaves_the_results_of_the_last(duck: Warehouse):
    project = duck.project({"models/one.sql": "select nope"})
    assert headwater(project, "run").returncode == 1
    results = Path(project.project_dir) / "target" / "run_results.json"
    before = results.read_text()
    nowhere = duck.output | {"path": str(duck.folder / "no" / "such.duckdb")}
    profile = {"shop": {"target": "test", "outputs": {"test": nowhere}}}
    (Path(project.project_dir) / "profiles.yml").write_text(json.dumps(profile))
    done = headwater(project, "run")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error[connection]" in done.stderr
    assert results.read_text() == before


def test_exit_codes(duck: Warehouse):
    project = duck.project({**MODELS, "models/two.sql": "select nope from {{ ref('one') }}"})
    assert headwater(project, "build").returncode == 1
    assert headwater(project, "build", "--select", "one").returncode == 0
    wrong = headwater(project, "build", "--no-such-flag")
    assert wrong.returncode == 2
    assert "command-line" in wrong.stderr
    broken = duck.project({**MODELS, "models/two.sql": "select * from {{ ref('none') }}"}, "other")
    parse = headwater(broken, "parse")
    assert parse.returncode == 2
    assert "error[ref-not-found]" in parse.stderr


def test_version_and_help():
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "headwater", *args], capture_output=True, text=True)

    import headwater

    assert headwater.__version__ in run("--version").stdout
    assert "build" in run("--help").stdout
    assert "full-refresh" in run("build", "--help").stdout


def test_what_is_not_supported_says_so(duck: Warehouse):
    done = headwater(duck.project(MODELS), "retry")
    assert done.returncode == 2
    assert "retry" in done.stderr


def test_compile_writes_the_sql(duck: Warehouse):
    project = duck.project(MODELS)
    assert headwater(project, "compile").returncode == 0
    compiled = duck.folder / "shop" / "target" / "compiled" / "shop" / "models" / "two.sql"
    assert f'"{duck.schema}"."one"' in compiled.read_text()


def test_show_prints_rows(duck: Warehouse):
    project = duck.project(MODELS)
    headwater(project, "run")
    done = headwater(project, "show", "--inline", "select n + 41 as answer from {{ ref('one') }}")
    assert "42" in done.stdout
    assert "answer" in done.stdout


def test_the_log_has_every_statement(duck: Warehouse):
    project = duck.project(MODELS)
    headwater(project, "run")
    log = (duck.folder / "shop" / "logs" / "dbt.log").read_text()
    assert "create" in log
    assert "model.shop.one" in log


def test_debug_checks_the_connection(warehouse: Warehouse):
    done = headwater(warehouse.project(MODELS), "debug")
    assert done.returncode == 0, done.stdout + done.stderr


def test_debug_comes_before_deps(duck: Warehouse):
    project = duck.project({"packages.yml": "packages: [{package: dbt-labs/dbt_utils, version: 1.3.0}]", **MODELS})
    done = headwater(project, "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning[dependency]: hub package `dbt-labs/dbt_utils` is not installed" in done.stderr
    assert headwater(project, "parse").returncode == 2


def test_deps_finds_private_packages_at_their_provider(duck: Warehouse, tmp_path):
    """The address that dbt makes of it, over SSH; git itself is told to take a folder in its place."""
    kit, home = tmp_path / "kit", tmp_path / "home"
    kit.mkdir()
    home.mkdir()
    (kit / "dbt_project.yml").write_text("name: kit\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(kit)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    (home / ".gitconfig").write_text(f'[url "{kit}"]\n\tinsteadOf = git@gitlab.com:acme/kit.git\n')
    files = {"packages.yml": "packages: [{private: acme/kit, provider: gitlab, revision: v1}]", **MODELS}
    project = duck.project(files)
    command = [sys.executable, "-m", "headwater", "deps"]
    env = {**os.environ, "HOME": str(home)}
    done = subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = Path(project.project_dir)
    assert (folder / "dbt_packages" / "kit" / "dbt_project.yml").is_file()
    lock = (folder / "package-lock.yml").read_text()
    assert "private: acme/kit" in lock
    assert "provider: gitlab" in lock
    assert "git@" not in lock
    again = subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True, env=env)
    assert again.returncode == 0, again.stdout + again.stderr
    assert headwater(project, "parse").returncode == 0


def test_deps_installs_local_packages(duck: Warehouse):
    (duck.folder / "tools" / "macros").mkdir(parents=True)
    (duck.folder / "tools" / "dbt_project.yml").write_text("name: tools\nversion: '1.0'\n")
    (duck.folder / "tools" / "macros" / "one.sql").write_text("{% macro one() %}1{% endmacro %}")
    project = duck.project(
        {"packages.yml": "packages: [{local: ../tools}]", "models/a.sql": "select {{ tools.one() }} as n"}
    )
    first = headwater(project, "build")
    assert first.returncode == 2
    assert "run `headwater deps`" in first.stderr
    assert headwater(project, "deps").returncode == 0
    assert headwater(project, "build").returncode == 0
    # A package that is not there is not left behind in packages.yml, and what is installed stays.
    added = headwater(project, "deps", "--add-package", "../nowhere", "--source", "local")
    assert added.returncode == 2
    assert "there is no dbt project in `../nowhere`" in added.stderr
    assert (duck.folder / "shop" / "packages.yml").read_text() == "packages: [{local: ../tools}]"
    assert headwater(project, "build").returncode == 0


@pytest.mark.parametrize("stop", [signal.SIGINT])
def test_ctrl_c_ends_with_an_exit_code(duck: Warehouse, stop):
    product = "range(100000000) a, range(100000) b where a.range + b.range = 3"
    slow = "{{ config(materialized='table') }} select count(*) as n from " + product
    project = duck.project({"models/slow.sql": slow})
    process = subprocess.Popen(
        [sys.executable, "-m", "headwater", "run"],
        cwd=project.project_dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stdout:
        if "START" in line:
            break
    time.sleep(0.5)
    process.send_signal(stop)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 1, rest
    assert "Traceback" not in rest


def test_hooks_are_compiled_with_the_project(duck: Warehouse):
    project = duck.project(
        {
            "dbt_project.yml": (
                "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: create table {{ 'loads' }} (n int)\n"
                "on-run-end: ['insert into loads select {{ results | length }}', '{{ log(1) }}']\n"
            ),
            "models/one.sql": "select 1 as n",
        }
    )
    start, end, silent = (f"operation.shop.shop-on-run-{when}" for when in ("start-0", "end-0", "end-1"))
    for command in ("compile", "docs generate", "build"):
        outcome = hw.Runner().invoke([*command.split(), "-q", "--project-dir", project.project_dir])
        assert outcome.success
        target = Path(project.project_dir) / "target"
        results = json.loads((target / "run_results.json").read_text())["results"]
        codes = {result["unique_id"]: result["compiled_code"] for result in results}
        assert codes[start] == "create table loads (n int)"
        assert codes[end] == f"insert into loads select {int(command == 'build')}"
        assert codes[silent].strip() == ""
        assert all(result["compiled"] for result in results)
        nodes = json.loads((target / "manifest.json").read_text())["nodes"]
        assert nodes[start]["compiled_code"] == codes[start]
        assert nodes[start]["compiled_path"].endswith("hooks/shop-on-run-start-0.sql")
        assert (nodes[silent]["compiled_path"], nodes[start]["extra_ctes"]) == (None, [])
    # Only `build` has run them, or the table would have been there.
    assert project.query("select count(*) as n from loads").fetchall() == [(1,)]
    # Hooks are not what a selection means.
    hw.Runner().invoke(["compile", "-q", "-s", "one", "--project-dir", project.project_dir])
    results = json.loads((target / "run_results.json").read_text())["results"]
    assert [result["unique_id"] for result in results] == ["model.shop.one"]
