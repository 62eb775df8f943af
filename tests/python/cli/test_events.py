"""The structured log against dbt's events: names, codes and the exact fields of each."""

from __future__ import annotations

import json
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse

NODE_INFO = {
    "materialized", "meta", "node_checksum", "node_finished_at", "node_name", "node_path", "node_relation",
    "node_started_at", "node_status", "resource_type", "unique_id",
}  # fmt: skip
NODE_RELATION = {"alias", "database", "relation_name", "schema"}
RUN_RESULT = {"adapter_response", "execution_time", "message", "num_failures", "status", "thread", "timing_info"}
INFO = {"category", "code", "extra", "invocation_id", "level", "msg", "name", "pid", "thread", "ts"}

#: From dbt's core_types.proto, types.proto and adapter_types.proto, with the codes of its types.py.
EVENTS: dict[str, tuple[str, set[str]]] = {
    "MainReportVersion": ("A001", {"log_version", "version"}),
    "MainReportArgs": ("A002", {"args"}),
    "AdapterEventDebug": ("E001", {"args", "base_msg", "name", "node_info"}),
    "NewConnection": ("E005", {"conn_name", "conn_type"}),
    "ListRelations": ("E014", {"database", "relations", "schema"}),
    "ConnectionUsed": ("E015", {"conn_name", "conn_type"}),
    "SQLQuery": ("E016", {"conn_name", "sql"}),
    "SQLQueryStatus": ("E017", {"elapsed", "query_id", "status"}),
    "SQLCommit": ("E018", {"conn_name"}),
    "Rollback": ("E012", {"conn_name"}),
    "CacheAction": ("E022", {"action", "ref_key", "ref_list"}),
    "AdapterRegistered": ("E034", {"adapter_name", "adapter_version"}),
    "FinishedRunningStats": ("E047", {"execution", "execution_time", "stat_line"}),
    "JinjaLogInfo": ("I062", {"msg"}),
    "JinjaLogDebug": ("I063", {"msg"}),
    "UnableToPartialParse": ("I024", {"reason"}),
    "PartialParsingEnabled": ("I040", {"added", "changed", "deleted"}),
    "PartialParsingFile": ("I041", {"file_id", "operation"}),
    "NoNodeForYamlKey": ("I058", {"file_path", "patch_name", "yaml_key"}),
    "NoNodesForSelectionCriteria": ("M030", {"spec_raw"}),
    "ArtifactWritten": ("P001", {"artifact_path", "artifact_type"}),
    "FreshnessCheckComplete": ("Q003", set()),
    "LogTestResult": (
        "Q007",
        {"attached_node", "execution_time", "index", "name", "node_info", "num_failures", "num_models", "status"},
    ),
    "LogStartLine": ("Q011", {"description", "index", "node_info", "total"}),
    "LogModelResult": ("Q012", {"description", "execution_time", "index", "node_info", "status", "total"}),
    "LogSnapshotResult": (
        "Q015",
        {"cfg", "description", "execution_time", "index", "node_info", "result_message", "status", "total"},
    ),
    "LogSeedResult": (
        "Q016",
        {"execution_time", "index", "node_info", "relation", "result_message", "schema", "status", "total"},
    ),
    "LogFreshnessResult": (
        "Q018",
        {"execution_time", "index", "node_info", "source_name", "status", "table_name", "total"},
    ),
    "LogNodeNoOpResult": ("Q019", {"description", "execution_time", "index", "node_info", "status", "total"}),
    "NodeStart": ("Q024", {"node_info"}),
    "NodeFinished": ("Q025", {"node_info", "run_result"}),
    "ConcurrencyLine": ("Q027", {"node_count", "num_threads", "target_name"}),
    "NodeCompiling": ("Q030", {"node_info"}),
    "NodeExecuting": ("Q031", {"node_info"}),
    "LogHookStartLine": ("Q032", {"index", "node_info", "statement", "total"}),
    "LogHookEndLine": ("Q033", {"execution_time", "index", "node_info", "statement", "status", "total"}),
    "SkippingDetails": ("Q034", {"index", "node_info", "node_name", "resource_type", "schema", "total"}),
    "ShowNode": ("Q041", {"is_inline", "node_name", "output_format", "preview", "quiet", "unique_id"}),
    "CompiledNode": ("Q042", {"compiled", "is_inline", "node_name", "output_format", "quiet", "unique_id"}),
    "EndRunResult": ("Q037", {"elapsed_time", "generated_at", "results", "success"}),
    "CommandCompleted": ("Q039", {"command", "completed_at", "elapsed", "success"}),
    "CatchableExceptionOnRun": ("W002", {"exc", "exc_info", "node_info"}),
    "FoundStats": ("W006", {"stat_line"}),
    "MainEncounteredError": ("Z002", {"exc"}),
    "Formatting": ("Z017", {"msg"}),
    "RunResultWarning": ("Z021", {"node_info", "node_name", "path", "resource_type"}),
    "RunResultFailure": ("Z022", {"node_info", "node_name", "path", "resource_type"}),
    "StatsLine": ("Z023", {"stats"}),
    "RunResultError": ("Z024", {"msg", "node_info"}),
    "SQLCompiledPath": ("Z026", {"node_info", "path"}),
    "EndOfRunSummary": ("Z030", {"keyboard_interrupt", "num_errors", "num_partial_success", "num_warnings"}),
    "MarkSkippedChildren": ("Z033", {"run_result", "status", "unique_id"}),
    "RunResultWarningMessage": ("Z046", {"msg", "node_info"}),
    "ResourceReport": (
        "Z051",
        {
            "command_name", "command_success", "command_wall_clock_time", "process_in_blocks", "process_kernel_time",
            "process_mem_max_rss", "process_out_blocks", "process_user_time",
        },
    ),
    "Note": ("Z050", {"msg"}),
    "PrintEvent": ("Z052", {"msg"}),
}  # fmt: skip
#: Events that dbt tells with the node that was being worked on, where there was one.
OPTIONAL = {
    name: {"node_info"}
    for name in ("NewConnection", "ConnectionUsed", "SQLQuery", "SQLQueryStatus", "SQLCommit", "Rollback",
                 "JinjaLogInfo", "JinjaLogDebug")
} | {"CacheAction": {"ref_key_2", "ref_key_3"}}  # fmt: skip

PROJECT = {
    "dbt_project.yml": (
        "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: [select 1]\non-run-end: [select 2]\n"
    ),
    "models/a.sql": (
        "{{ config(materialized='table', meta={'owner': 'me'}) }} {{ log('hello', info=true) }}{{ print('printed') }}"
        "select 1 as id, timestamp '2020-01-01' as loaded_at"
    ),
    "models/broken.sql": "select nope from {{ ref('a') }}",
    "models/down.sql": "select * from {{ ref('broken') }}",
    "seeds/s.csv": "id,name\n1,x\n",
    "snapshots/snap.sql": (
        "{% snapshot snap %}{{ config(unique_key='id', strategy='check', check_cols='all') }}"
        "select 1 as id{% endsnapshot %}"
    ),
    "tests/bad.sql": "select 1 as x from {{ ref('s') }}",
    "tests/meh.sql": "{{ config(severity='warn') }} select 1 as x from {{ ref('s') }}",
    "models/p.yml": """
        models:
          - name: a
            columns: [{name: id, data_tests: [not_null]}]
          - {name: unknown, description: nobody has it}
        sources:
          - name: raw
            schema: "{{ target.schema }}"
            config: {loaded_at_field: loaded_at}
            tables:
              - {name: old, identifier: a, config: {freshness: {error_after: {count: 1, period: hour}}}}
              - {name: late, identifier: a, config: {freshness: {warn_after: {count: 1, period: hour}}}}
              - {name: fine, identifier: a, config: {freshness: {warn_after: {count: 99999, period: day}}}}
              - {name: gone, identifier: nowhere, config: {freshness: {warn_after: {count: 1, period: day}}}}
        exposures:
          - {name: dash, type: dashboard, owner: {name: me}, depends_on: [ref('a')]}
    """,
}


def project(duck: Warehouse) -> hw.Project:
    return duck.project(PROJECT)


def lines(duck: Warehouse, capsys: pytest.CaptureFixture[str], *args: str) -> list[dict[str, Any]]:
    """What a command writes to the console as JSON."""
    capsys.readouterr()
    where = ["--project-dir", project(duck).project_dir]
    hw.Runner().invoke(["--log-format", "json", "--log-level", "debug", *args, *where])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def check(events: list[dict[str, Any]]) -> None:
    """Every event is dbt's: its code and exactly its fields."""
    assert len({event["info"]["invocation_id"] for event in events}) == 1
    for event in events:
        info, data = event["info"], event["data"]
        name = info["name"]
        assert set(info) == INFO
        code, fields = EVENTS[name]
        assert info["code"] == code, name
        assert fields <= set(data) <= fields | OPTIONAL.get(name, set()), (name, sorted(data))
        if "node_info" in data:
            assert set(data["node_info"]) == NODE_INFO, name
            assert set(data["node_info"]["node_relation"]) == NODE_RELATION
        if "run_result" in data:
            assert set(data["run_result"]) == RUN_RESULT
        for result in data.get("results", []):
            assert set(result) == RUN_RESULT


def levels(events: list[dict[str, Any]], name: str) -> list[str]:
    return [event["info"]["level"] for event in events if event["info"]["name"] == name]


def test_a_build_with_everything_in_it(duck: Warehouse, capsys: pytest.CaptureFixture[str]):
    events = lines(duck, capsys, "build", "--log-cache-events")
    check(events)
    names = {event["info"]["name"] for event in events}
    elsewhere = {"LogFreshnessResult", "FreshnessCheckComplete", "MainEncounteredError", "Rollback", "JinjaLogDebug"}
    elsewhere |= {"NoNodesForSelectionCriteria", "Note", "UnableToPartialParse", "CompiledNode", "ShowNode"}
    elsewhere |= {"PartialParsingEnabled", "PartialParsingFile"}
    assert set(EVENTS) - elsewhere - names == set()
    assert sorted(levels(events, "LogTestResult")) == ["error", "info", "warn"]
    assert levels(events, "LogModelResult") == ["info", "error"]
    ids = [event["data"]["node_info"]["unique_id"] for event in events if event["info"]["name"] == "NodeFinished"]
    assert len(ids) == len(set(ids)) == 9
    model = next(event for event in events if event["info"]["name"] == "LogModelResult")["data"]["node_info"]
    assert model["meta"] == {"owner": "me"}
    assert (model["node_path"], model["node_status"], model["materialized"]) == ("a.sql", "success", "table")
    query = [event["data"] for event in events if event["info"]["name"] == "SQLQuery"]
    assert any(data.get("node_info", {}).get("node_status") == "executing" for data in query)
    stats = next(event for event in events if event["info"]["name"] == "StatsLine")["data"]["stats"]
    assert stats == {"error": 2, "noop": 1, "pass": 6, "reused": 0, "skip": 1, "total": 11, "warn": 1}
    assert events[-1]["info"]["name"] == "CommandCompleted"


def test_freshness_and_its_end(duck: Warehouse, capsys: pytest.CaptureFixture[str]):
    lines(duck, capsys, "run", "--select", "a")
    events = lines(duck, capsys, "source", "freshness")
    check(events)
    told = {event["data"]["table_name"]: event for event in events if event["info"]["name"] == "LogFreshnessResult"}
    assert {name: (event["data"]["status"], event["info"]["level"]) for name, event in told.items()} == {
        "old": ("error", "error"),
        "late": ("warn", "warn"),
        "fine": ("pass", "info"),
        "gone": ("runtime error", "error"),
    }
    assert "FreshnessCheckComplete" in {event["info"]["name"] for event in events}


def test_fail_fast_and_what_cannot_run(duck: Warehouse, capsys: pytest.CaptureFixture[str]):
    events = lines(duck, capsys, "run", "--fail-fast", "--threads", "1")
    check(events)
    assert levels(events, "SkippingDetails") == ["info"]
    events = lines(duck, capsys, "run-operation", "nowhere")
    check(events)
    assert levels(events, "MainEncounteredError") == ["error"]
    events = lines(duck, capsys, "run", "--select", "nowhere")
    check(events)
    missed = [event["data"] for event in events if event["info"]["name"] == "NoNodesForSelectionCriteria"]
    assert missed == [{"spec_raw": "nowhere"}]


def test_debug_events_stay_in_the_file(duck: Warehouse, capsys: pytest.CaptureFixture[str]):
    folder = project(duck).project_dir
    capsys.readouterr()
    hw.Runner().invoke(["seed", "--log-format-file", "json", "--printer-width", "60", "--project-dir", folder])
    console = capsys.readouterr().out
    assert "1 of 1 OK loaded seed file" in console
    assert "Began running node" not in console
    log = (duck.folder / "shop" / "logs" / "dbt.log").read_text().splitlines()
    events = [json.loads(line) for line in log]
    check(events)
    assert levels(events, "NodeStart") == ["debug"]
    assert "CacheAction" not in {event["info"]["name"] for event in events}


def test_callbacks_get_events_shaped_as_dbts(duck: Warehouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBT_ENV_SECRET_WORD", "hello")
    monkeypatch.setenv("DBT_ENV_CUSTOM_ENV_team", "north")
    heard: list[hw.Event] = []
    where = ["--project-dir", project(duck).project_dir]
    outcome = hw.Runner(callbacks=[heard.append]).invoke(["run", "--select", "a", "--quiet", *where])
    assert outcome.success
    check([event.to_dict() for event in heard])
    finished = next(event for event in heard if event.info.name == "NodeFinished")
    assert (finished.info.code, finished.info.level, finished.info.extra) == ("Q025", "debug", {"team": "north"})
    assert finished.data.node_info.unique_id == "model.shop.a"
    assert finished.data.node_info.node_relation.alias == "a"
    assert [timing.name for timing in finished.data.run_result.timing_info] == ["compile", "execute"]
    assert finished.data.HasField("node_info")
    assert not hasattr(finished.data, "nothing")
    assert finished.info.ts.ToJsonString() == finished.to_dict()["info"]["ts"]
    assert finished.info.ts.ToDatetime().year >= 2025
    assert json.loads(finished.to_json()) == finished.to_dict()
    assert finished.result is not None
    assert finished.result.status == "success"
    said = next(event for event in heard if event.info.name == "JinjaLogInfo")
    assert (said.info.msg, said.data.msg) == ("*****", "*****")


def test_what_compile_and_show_print(duck: Warehouse, capsys: pytest.CaptureFixture[str]):
    where = ["--project-dir", project(duck).project_dir]
    told = lines(duck, capsys, "compile", "-s", "a")
    check(told)
    (compiled,) = [event for event in told if event["info"]["name"] == "CompiledNode"]
    assert compiled["data"]["unique_id"] == "model.shop.a"
    assert compiled["data"]["compiled"].endswith("as loaded_at")
    assert compiled["info"]["msg"] == f"Compiled node 'a' is:\n{compiled['data']['compiled']}"

    told = lines(duck, capsys, "show", "--inline", "select 1 as n", "--output", "json")
    check(told)
    (shown,) = [event for event in told if event["info"]["name"] == "ShowNode"]
    preview = shown["data"].pop("preview")
    assert json.loads(preview) == [{"n": 1}]
    assert shown["data"] == {
        "is_inline": True,
        "node_name": "inline_query",
        "output_format": "json",
        "quiet": False,
        "unique_id": "sql_operation.shop.inline_query",
    }
    assert json.loads(shown["info"]["msg"]) == {"show": [{"n": 1}]}

    # People see it once; callbacks hear it whatever the console's format.
    heard = []
    hw.Runner(callbacks=[heard.append]).invoke(["show", "-q", "--inline", "select 2 as two", *where])
    assert capsys.readouterr().out.count("two") == 1
    assert [event.data.preview for event in heard if event.info.name == "ShowNode"] == ["| two |\n| --- |\n| 2   |\n"]


DEPRECATED = {
    "dbt_project.yml": (
        "name: shop\nversion: '1.0'\nprofile: shop\nmodels:\n  shop:\n    materialized: table\n    +my_own: 1\n"
        "flags: {require_resource_names_without_spaces: false}\n"
    ),
    "models/a.sql": "{{ config(my_thing=1) }} select 1 as id",
    "models/b c.sql": "select 1 as id",
    "models/s.yml": """
foo: [1]
models:
  - name: other
  - name: a
    meta: {x: 1}
    columns:
      - name: id
        my_key: 1
        data_tests: [{accepted_values: {values: [1]}}]
    description: one
    description: two
exposures:
  - {name: "dash board", type: dashboard, owner: {name: me}}
""",
    "models/other.sql": "select 1 as id",
}


def test_deprecations_have_dbts_fields(duck: Warehouse):
    heard = []
    where = duck.project(DEPRECATED).project_dir
    hw.Runner(callbacks=[heard.append]).invoke(["parse", "-q", "--show-all-deprecations", "--project-dir", where])
    told = {}
    for event in heard:
        if event.info.name.endswith(("Deprecation", "DeprecationsSummary")):
            told.setdefault(event.info.name, []).append(event.data.to_dict())
    (summary,) = told.pop("DeprecationsSummary")
    assert told == {
        "MissingPlusPrefixDeprecation": [
            {"file": "dbt_project.yml", "key": "materialized", "key_path": "shop.materialized"}
        ],
        "CustomKeyInConfigDeprecation": [
            {"file": "dbt_project.yml", "key": "+my_own", "key_path": "shop.+my_own"},
            {"file": "models/a.sql", "key": "my_thing", "key_path": ""},
        ],
        "CustomTopLevelKeyDeprecation": [{"file": "models/s.yml", "msg": "Unexpected top-level key foo"}],
        "PropertyMovedToConfigDeprecation": [{"file": "models/s.yml", "key": "meta", "key_path": "models[1]"}],
        "CustomKeyInObjectDeprecation": [{"file": "models/s.yml", "key": "my_key", "key_path": "models[1].columns[0]"}],
        "DuplicateYAMLKeysDeprecation": [
            {"file": "models/s.yml", "duplicate_description": "the key `description` is given twice"}
        ],
        "MissingArgumentsPropertyInGenericTestDeprecation": [{"test_name": "accepted_values"}],
        "ExposureNameDeprecation": [{"exposure": "dash board"}],
        "ResourceNamesWithSpacesDeprecation": [{"count_invalid_names": 1, "level": "warn", "show_debug_hint": False}],
    }
    assert summary["show_all_hint"] is False
    assert {"event_code": "D026", "event_name": "CustomKeyInConfigDeprecation", "occurrences": 2} in summary[
        "summaries"
    ]
