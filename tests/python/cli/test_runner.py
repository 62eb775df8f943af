"""The command line, called from Python."""

from __future__ import annotations

import json
import pathlib
import shutil

import headwater as hw
import pytest
from conftest import Warehouse

MODELS = {"models/one.sql": "{{ config(materialized='table') }} select 1 as n"}


def invoke(duck: Warehouse, *args: str, **options: object) -> hw.Outcome:
    project = duck.project(MODELS)
    return hw.Runner().invoke([*args, "--project-dir", project.project_dir], **options)


def test_a_run_succeeds(duck: Warehouse, capsys):
    outcome = invoke(duck, "run")
    assert outcome.success
    assert outcome.exception is None
    assert [result.unique_id for result in outcome.result] == ["model.shop.one"]
    assert "OK created sql table model" in capsys.readouterr().out


def test_options_by_name(duck: Warehouse):
    assert invoke(duck, "ls", select="one", output="name").result == ["one"]


def test_what_goes_wrong_is_in_the_outcome(duck: Warehouse):
    outcome = invoke(duck, "run", "--no-such-flag")
    assert not outcome.success
    assert isinstance(outcome.exception, hw.HeadwaterError)
    assert outcome.exit_code == 2


def test_failed_nodes_are_no_exception(duck: Warehouse):
    project = duck.project({"models/one.sql": "select nope"})
    outcome = hw.Runner().invoke(["run", "--project-dir", project.project_dir])
    assert not outcome.success
    assert outcome.exception is None
    assert outcome.result["one"].status == "error"


def test_callbacks_hear_events(duck: Warehouse):
    heard = []
    project = duck.project(MODELS)
    hw.Runner(callbacks=[heard.append]).invoke(["run", "--project-dir", project.project_dir])
    assert [event.result.status for event in heard if event.info.name == "NodeFinished"] == ["success"]


def test_an_exception_of_a_callback_ends_the_run_and_is_in_the_outcome(duck: Warehouse):
    def refuse(event: hw.Event) -> None:
        if event.info.name == "NodeStart":
            raise ValueError("not today")

    project = duck.project(MODELS)
    outcome = hw.Runner(callbacks=[refuse]).invoke(["run", "--project-dir", project.project_dir])
    assert not outcome.success
    assert isinstance(outcome.exception, ValueError)


SHOP = {
    "models/one.sql": "{{ config(materialized='table', tags=['daily'], meta={'owner': 'ann'}) }} select 1 as n",
    "models/two.sql": "select * from {{ ref('one') }}",
    "models/models.yml": """
sources: [{name: raw, schema: main, tables: [{name: orders}]}]
models: [{name: one, columns: [{name: n, description: a number, data_tests: [not_null]}]}]
""",
}


def test_parse_gives_the_manifest(duck: Warehouse, tmp_path):
    project = duck.project(SHOP)
    manifest = hw.Runner().invoke(["parse", "--quiet", "--project-dir", project.project_dir]).result
    assert isinstance(manifest, hw.Manifest)
    node = manifest.nodes["model.shop.one"]
    assert (node.name, node.resource_type, node.config.materialized, node.tags) == ("one", "model", "table", ["daily"])
    assert node.columns["n"].description == "a number"
    assert node.config.get("meta") == {"owner": "ann"}
    assert manifest.nodes["model.shop.two"].depends_on.nodes == ["model.shop.one"]
    assert [source.identifier for source in manifest.sources.values()] == ["orders"]
    assert manifest.child_map["model.shop.one"] == ["model.shop.two", *manifest.child_map["model.shop.one"][1:]]
    assert manifest.metadata.project_name == "shop"
    assert manifest.macros["macro.dbt.run_query"].name == "run_query"
    assert "model.shop.nope" not in manifest.nodes
    assert len(manifest.functions) == 0
    with pytest.raises(AttributeError, match="a manifest has no `models`"):
        _ = manifest.models
    with pytest.raises(AttributeError, match="there is no `nope` here"):
        _ = node.nope

    written = json.loads((pathlib.Path(project.project_dir) / "target/manifest.json").read_text())
    manifest.write(tmp_path / "copy.json")
    copy = json.loads((tmp_path / "copy.json").read_text())
    for entry in (written, copy, as_dict := manifest.to_dict()):
        entry["metadata"].pop("generated_at")
    assert written == copy == as_dict
    assert {id: node.to_dict() for id, node in manifest.nodes.items()} == written["nodes"]


def test_a_manifest_is_used_instead_of_parsing(duck: Warehouse, tmp_path):
    project = duck.project(SHOP)
    where = ["--quiet", "--project-dir", project.project_dir]
    manifest = hw.Runner().invoke(["parse", *where]).result
    # What comes later is not seen, be it ever so wrong.
    folder = pathlib.Path(project.project_dir)
    (folder / "models/two.sql").write_text("{{ what is this")
    (folder / "models/three.sql").write_text("select 3 as n")
    runner = hw.Runner(manifest=manifest)
    assert runner.invoke(["ls", "--resource-type", "model", *where]).result == ["shop.one", "shop.two"]
    ran = runner.invoke(["build", *where])
    assert ran.success
    assert [result.name for result in ran.result] == ["one", "not_null_one_n", "two"]
    assert runner.invoke(["parse", *where]).result.nodes["model.shop.two"].raw_code == SHOP["models/two.sql"]
    assert not hw.Runner().invoke(["ls", *where]).success

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    outcome = runner.invoke(["ls", "--quiet", "--project-dir", str(other)])
    assert not outcome.success
    assert "the manifest is of project `shop` in" in str(outcome.exception)


def test_show_gives_results_with_tables(duck: Warehouse):
    """dbt's callers read `result.results[0].agate_table`."""
    outcome = invoke(duck, "show", "--inline", "select n as a, 'x' as b from (values (1), (2)) t(n)", "-q")
    (shown,) = outcome.result.results
    assert (shown.status, shown.unique_id) == ("success", "sql_operation.shop.inline_query")
    table = shown.agate_table
    assert table.column_names == ("a", "b")
    assert [row["a"] for row in table.rows] == [1, 2]
    assert table.rows[1][1] == "x"
    assert table.rows[0].dict() == dict(table.rows[0].items()) == {"a": 1, "b": "x"}
    assert list(table.rows[0].keys()) == ["a", "b"]
    assert list(table.rows[0]) == list(table.rows[0].values()) == [1, "x"]
    assert "limit 5" in shown.compiled_code
    compiled = invoke(duck, "compile", "--inline", "select * from {{ ref('one') }}", "-q")
    (result,) = compiled.result.results
    assert (result.status, result.agate_table) == ("success", None)
    assert result.node.compiled_code == result.compiled_code == f'select * from "warehouse"."{duck.schema}"."one"'
    written = json.loads((duck.folder / "shop" / "target" / "run_results.json").read_text())
    assert [entry["compiled_code"] for entry in written["results"]] == [result.compiled_code]


def test_results_have_their_nodes(duck: Warehouse):
    project = duck.project(SHOP)
    heard = []
    runner = hw.Runner(callbacks=[heard.append])
    outcome = runner.invoke(["build", "--quiet", "--project-dir", project.project_dir])
    told = [(result.node.name, result.node.config.materialized, str(result.status)) for result in outcome.result]
    assert told[0] == ("one", "table", "success")
    assert outcome.result["two"].node.compiled_code == f"select * from {outcome.result['one'].node.relation_name}"
    assert outcome.result["not_null_one_n"].node.test_metadata.name == "not_null"
    finished = next(event for event in heard if event.info.name == "NodeFinished")
    assert finished.result.node.unique_id == "model.shop.one"
    catalog = runner.invoke(["docs", "generate", "--quiet", "--project-dir", project.project_dir]).result
    assert catalog.nodes["model.shop.one"].columns["n"].type == "INTEGER"
