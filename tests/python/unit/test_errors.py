"""What is raised, and what it carries."""

from __future__ import annotations

import json
import sys

import headwater as hw
import pytest
from conftest import Warehouse


def test_no_project(tmp_path):
    with pytest.raises(hw.ProjectError) as raised:
        hw.Project(tmp_path).build()
    assert raised.value.code == "project-not-found"
    assert str(raised.value).startswith("error[project-not-found]")


def test_all_broken_references_at_once(duck: Warehouse):
    project = duck.project(
        {
            "models/orders.sql": "select 1 as id",
            "models/a.sql": "select * from {{ ref('order') }}",
            "models/b.sql": "select * from {{ source('till', 'orders') }}",
        }
    )
    with pytest.raises(hw.ParseError) as raised:
        project.build()
    assert {problem["code"] for problem in raised.value.diagnostics} == {"ref-not-found", "source-not-found"}
    problem = next(problem for problem in raised.value.diagnostics if problem["code"] == "ref-not-found")
    assert problem["primary"]["path"] == "models/a.sql"
    assert problem["primary"]["line"] == 1
    assert "orders" in str(raised.value)


def test_a_variable_without_a_value(duck: Warehouse):
    project = duck.project({"models/a.sql": "select '{{ var(\"day\") }}' as d"})
    results = project.build()
    assert results["a"].diagnostic["code"] == "var-not-set"
    with pytest.raises(hw.ParseError, match="var-not-set"):
        results.raise_for_failures()
    assert project.build(vars={"day": "x"}).success


def test_an_unknown_flag(duck: Warehouse):
    with pytest.raises(hw.HeadwaterError) as raised:
        duck.project({"models/a.sql": "select 1 as n"}).build(fulll_refresh=True)
    assert raised.value.code == "command-line"
    assert "--full-refresh" in str(raised.value)


def test_selectors_that_cannot_be_followed(duck: Warehouse):
    project = duck.project({"models/a.sql": "select 1 as n"})
    with pytest.raises(hw.SelectionError):
        project.build(selector="nightly")
    with pytest.raises(hw.SelectionError, match="--state DIR"):
        project.build(select="state:modified", keep_state=False)
    with pytest.raises(hw.SelectionError, match="metrics"):
        project.build(select="metrics:revenue")


def test_failed_nodes_are_results_until_asked_for(duck: Warehouse):
    project = duck.project({"models/a.sql": "{{ config(materialized='table') }} select error('boom') as n"})
    results = project.build()
    assert not results
    [failed] = results.failed
    assert "boom" in failed.message
    with pytest.raises(hw.DatabaseError) as raised:
        results.raise_for_failures()
    assert raised.value.result is results


def test_secrets_stay_out_of_errors(duck: Warehouse, monkeypatch):
    monkeypatch.setenv("DBT_ENV_SECRET_KEY", "open-sesame")
    profile = duck.output | {"settings": {"nothing_of_this_name": "{{ env_var('DBT_ENV_SECRET_KEY') }}"}}
    project = duck.project(
        {
            "models/a.sql": "select 1 as n",
            "profiles.yml": json.dumps({"shop": {"target": "test", "outputs": {"test": profile}}}),
        }
    )
    with pytest.raises(hw.HeadwaterError) as raised:
        project.build()
    assert "open-sesame" not in str(raised.value)


def test_a_missing_duckdb_names_the_extra(duck: Warehouse, monkeypatch):
    project = duck.project({"models/a.sql": "select 1 as n"})
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(hw.DatabaseError, match=r"pip install 'headwater\[duckdb\]'"):
        project.build()
