"""Our artifacts beside those that dbt writes for the same project on the same database, key by key."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compare import differences
from dbt_artifacts_parser import parser
from outside import REPOSITORY, python_of

#: What is run, and the folder in which its artifacts are kept.
STEPS = {
    "deps": ["deps"],
    "build": ["build"],
    "docs": ["docs", "generate"],
    "fresh": ["source", "freshness"],
}

TIMES = {
    "/metadata/dbt_version": "the version that we speak",
    "/metadata/generated_at": "a time",
    "/metadata/invocation_id": "made by chance",
    "/metadata/invocation_started_at": "a time",
}
#: Paths that may differ (their JSON types may not, unless a `?` ends the path), and why.
MANIFEST = TIMES | {
    "/metadata/run_started_at": "a time",
    "/metadata/user_id?": "we have no users to count",
    "/*/*/created_at": "a time",
    "/disabled/*/*/created_at": "a time",
    "/docs/doc.dbt.__overview__?": "dbt's own words about its page",
    "/groups/*/config/*?": "dbt mixes the configs of models into those of groups",
    "/groups/*/config/meta/*?": "dbt mixes the configs of models into those of groups",
    "/macros/*/arguments?": "dbt leaves the arguments of generic tests in test folders out",
    "/nodes/*/contract/checksum": "dbt's is made of how Python shows its objects",
    "/nodes/operation.*/compiled_path": "dbt's has a `./` in it",
    "/nodes/model.*/extra_ctes?": "ephemeral models are put in at once, not in a second step",
    "/nodes/test.*/compiled_code": "the SQL of generic tests is that of our own package",
    "/nodes/test.*/depends_on/macros?": "dbt adds macros while it compiles",
    "/nodes/test.*/config/tags?": "dbt adds the tags of a properties file twice",
    "/selectors/*/definition*?": "selectors are shown as they are written",
}
BUILT = MANIFEST | {
    "/nodes/operation.*/index": "dbt counts hooks from 1 while they run",
    **{
        f"/nodes/model.{name}/{key}?": "an ephemeral model is no node of a build"
        for name in ("everything.stg_orders", "shops.int_order_totals")
        for key in ("compiled", "compiled_code", "compiled_path", "extra_ctes_injected")
    },
}
RESULTS = TIMES | {
    "/elapsed_time": "a time",
    "/args*?": "see test_the_arguments_of_a_run",
    "/results/*/thread_id": "a name of the process",
    "/results/*/timing?": "times",
    "/results/*/execution_time?": "a time",
    "/results/*/message?": "our own words",
    "/results/*/adapter_response/*?": "dbt-duckdb tells less",
    "/results/test.*/compiled_code?": "the SQL of generic tests is that of our own package",
    "/results/unit_test.*/compiled_code?": "fixtures are written by our own package",
    "/results/*/relation_name?": "skipped nodes have no relation",
}
CATALOG = TIMES | {
    "/nodes/*/stats/num_rows?": "dbt-duckdb counts no rows",
    "/sources/*/stats/num_rows?": "dbt-duckdb counts no rows",
    "/nodes/*/stats/has_stats/*": "dbt-duckdb has no statistics",
    "/sources/*/stats/has_stats/*": "dbt-duckdb has no statistics",
    "/nodes/*/columns/*/comment?": "no comment is none",
    "/nodes/test.*?": "tables of failures are in dbt's catalog",
}
SOURCES = TIMES | {
    "/elapsed_time": "a time",
    "/results/*/snapshotted_at": "a time",
    "/results/*/max_loaded_at_time_ago_in_s": "a time",
    "/results/*/thread_id": "a name of the process",
    "/results/*/timing": "times",
    "/results/*/execution_time": "a time",
    "/results/*/adapter_response?": "dbt-duckdb tells that all is well",
    "/results/source.everything.raw.gone?": "dbt leaves out what could not be asked",
}
COMPARED = [
    ("build", "run_results.json", RESULTS),
    ("build", "manifest.json", BUILT),
    ("docs", "manifest.json", MANIFEST),
    ("docs", "catalog.json", CATALOG),
    ("docs", "run_results.json", RESULTS),
    ("fresh", "sources.json", SOURCES),
]
PARSERS = {
    "manifest": parser.parse_manifest,
    "run_results": parser.parse_run_results,
    "catalog": parser.parse_catalog,
    "sources": parser.parse_sources,
}
#: Packages that are part of the program: theirs and ours are different.
EMBEDDED = {"dbt", "dbt_duckdb"}


class Twins:
    """What dbt and what we have written about one project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run_dbt = python_of("dbt")
        lines = [{"args": ["-q", *args], "keep": f"theirs/{name}"} for name, args in STEPS.items()]
        self.clean()
        done = run_dbt(str(Path(__file__).parent / "run_dbt.py"), json.dumps(lines), cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        self.told = json.loads(done.stdout.splitlines()[-1])
        assert not any(told["exception"] for told in self.told), done.stdout
        self.clean()
        self.codes = []
        for name, args in STEPS.items():
            line = [sys.executable, "-m", "headwater", *args]
            ours = subprocess.run(line, cwd=folder, capture_output=True, text=True)
            assert ours.returncode in (0, 1), ours.stdout + ours.stderr
            self.codes.append(ours.returncode)
            (folder / "ours" / name).mkdir(parents=True)
            for artifact in (folder / "target").glob("*.json"):
                shutil.copy(artifact, folder / "ours" / name)

    def clean(self) -> None:
        for left in [*self.folder.glob("*.duckdb*"), self.folder / "package-lock.yml"]:
            left.unlink(missing_ok=True)
        for left in ("target", "dbt_packages"):
            shutil.rmtree(self.folder / left, ignore_errors=True)
        if self.folder.name == "retail":
            generate = REPOSITORY / "examples" / "retail" / "generate_shops.py"
            line = [sys.executable, str(generate), "--duckdb", "shops.duckdb", "--stores", "3"]
            subprocess.run(line, cwd=self.folder, check=True)

    def lineage(self, whose: str) -> set[tuple[str, ...]]:
        """From which columns Colibri thinks that columns come."""
        artifacts, report = self.folder / whose / "docs", self.folder / f"{whose}-lineage"
        names = [f"--{name}={artifacts}/{name}.json" for name in ("manifest", "catalog")]
        line = ["-m", "dbt_colibri.cli.cli", "generate", *names, f"--output-dir={report}"]
        done = python_of("dbt")(*line, cwd=self.folder, DBT_COLIBRI_NO_VERSION_CHECK="1")
        assert done.returncode == 0, done.stdout + done.stderr
        edges = json.loads((report / "colibri-manifest.json").read_text())["lineage"]["edges"]
        ends = ("source", "sourceColumn", "target", "targetColumn")
        return {tuple(edge[end] for end in ends) for edge in edges if not edge["target"].startswith("test.")}

    def read(self, whose: str, step: str, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / whose / step / name).read_text())
        if "macros" in document:
            macros = document["macros"].items()
            document["macros"] = {key: entry for key, entry in macros if entry["package_name"] not in EMBEDDED}
            document["group_map"] = {group: sorted(members) for group, members in document["group_map"].items()}
        if isinstance(document.get("results"), list):
            document["results"] = {entry["unique_id"]: entry for entry in document["results"]}
        for entry in [*document.get("nodes", {}).values(), *(document.get("results") or {}).values()]:
            if entry.get("compiled_code"):
                entry["compiled_code"] = plain(entry["compiled_code"])
        return document


def plain(sql: str) -> str:
    """SQL without the blank space that the putting together of its parts leaves."""
    return re.sub(r"\s+|(?<=[(),])\s*|\s*(?=[(),])", " ", sql).strip()


@pytest.fixture(scope="module", params=["everything", "retail"])
def twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Twins:
    sources = {"everything": REPOSITORY / "tests" / "projects", "retail": REPOSITORY / "examples"}
    folder = tmp_path_factory.mktemp("twins") / request.param
    unwanted = shutil.ignore_patterns("target", "logs", "*.duckdb*")
    shutil.copytree(sources[request.param] / request.param, folder, ignore=unwanted)
    return Twins(folder)


@pytest.mark.parametrize(("step", "name", "allowed"), COMPARED, ids=[f"{step}-{name}" for step, name, _ in COMPARED])
def test_the_artifacts_are_those_of_dbt(twins: Twins, step: str, name: str, allowed: dict[str, str]):
    found = list(differences(twins.read("theirs", step, name), twins.read("ours", step, name), allowed))
    assert not found, "\n" + "\n".join(found)


def test_the_parser_of_artifacts_reads_ours(twins: Twins):
    for name, parse in PARSERS.items():
        for step in ("build", "docs", "fresh"):
            found = twins.folder / "ours" / step / f"{name}.json"
            if found.exists():
                assert parse(json.loads(found.read_text())).metadata.invocation_id


def test_colibri_finds_the_same_lineage(twins: Twins):
    """It reads manifest.json and catalog.json, and follows columns through the compiled SQL."""
    theirs, ours = twins.lineage("theirs"), twins.lineage("ours")
    assert theirs == ours
    assert len(ours) > 10


def test_the_commands_end_as_those_of_dbt(twins: Twins):
    assert [code == 0 for code in twins.codes] == [told["success"] for told in twins.told]


def test_nothing_is_modified_against_a_state_of_the_other(twins: Twins):
    """We read dbt's, and dbt reads ours: the docs step leaves a manifest of the whole project."""
    state = twins.folder / "state"
    shutil.copytree(twins.folder / "ours" / "docs", state, dirs_exist_ok=True)
    # dbt calls whatever uses a macro of the program modified: theirs and ours are different.
    theirs = json.loads((twins.folder / "theirs" / "docs" / "manifest.json").read_text())
    own = {key: entry for key, entry in theirs["macros"].items() if entry["package_name"] in EMBEDDED}
    manifest = json.loads((state / "manifest.json").read_text())
    manifest["macros"] |= own
    (state / "manifest.json").write_text(json.dumps(manifest))
    line = [{"args": ["-q", "ls", "-s", "state:modified", "--state", "state"], "keep": "theirs/ls"}]
    done = python_of("dbt")(str(Path(__file__).parent / "run_dbt.py"), json.dumps(line), cwd=twins.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[:-1] == [], done.stdout

    line = [sys.executable, "-m", "headwater", "-q", "ls", "-s", "state:modified", "--state", "theirs/docs"]
    done = subprocess.run(line, cwd=twins.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_arguments_of_a_run(twins: Twins):
    theirs, ours = (twins.read(whose, "build", "run_results.json")["args"] for whose in ("theirs", "ours"))
    # What we refuse.
    assert theirs.keys() - ours.keys() <= {
        "export_saved_queries",
        "include_saved_query",
        "macro_debugging",
        "show_resource_report",
        "snowflake_projects_otel",
        "upload_to_artifacts_ingest_api",
        "use_v2_parser",
        "v2_parser",
    }
    # What our own `retry` and state ask of it.
    assert ours.keys() - theirs.keys() <= {"threads", "keep_state", "state_vars"}
    own = {"invocation_command", "cache_selected_only", "send_anonymous_usage_stats", "quiet"}
    for key in (theirs.keys() & ours.keys()) - own:
        assert ours[key] == theirs[key], key
