"""The command line, called from Python."""

from __future__ import annotations

import headwater as hw
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
