"""Where the journal is kept: on a server that never had one, and for users who may not do everything."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import headwater as hw
import pytest
from conftest import SERVERS, Warehouse, kinds, write_project
from private import private_server, tcp

MODEL = {"models/m.sql": "{{ config(materialized='table') }} select 1 as n"}


@pytest.fixture(scope="module", params=[kind for kind in kinds() if kind in SERVERS])
def fresh(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    with (
        tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name,
        private_server(request.param, Path(name)) as warehouse,
    ):
        yield warehouse


def run(warehouse: Warehouse, folder: Path, schema: str, **entries: object) -> list[str]:
    """The warnings of a run. Another one finds what it has left."""
    warnings: list[str] = []
    target = tcp(warehouse, schema=schema, **entries)
    for _ in range(2):
        project = hw.Project(write_project(folder, MODEL, target))
        project.callbacks.append(lambda event: warnings.extend([event.info.msg] if event.info.level == "warn" else []))
        project.run().raise_for_failures()
    return warnings


def journals(warehouse: Warehouse) -> list[str]:
    found = warehouse.rows(
        "select concat(table_schema, '.', table_name) from information_schema.tables"
        " where table_schema = 'headwater' or table_name like 'headwater%'"
    )
    return sorted(name for (name,) in found)


def test_the_journal_finds_a_place(fresh: Warehouse, tmp_path: Path) -> None:
    fresh.rows("create user analyst@'%' identified by 'pw'")
    fresh.rows("grant all on own.* to analyst@'%'")
    assert run(fresh, tmp_path, "own", username="analyst", password="pw") == []
    assert journals(fresh) == ["own.headwater_journal"]

    assert run(fresh, tmp_path, "shop") == []
    assert journals(fresh) == ["headwater.shop", "own.headwater_journal"]

    # Who may not write into the schema that is there still has a place.
    assert run(fresh, tmp_path, "own", username="analyst", password="pw") == []
    fresh.rows("create user reader@'%' identified by 'pw'")
    fresh.rows("grant all on other.* to reader@'%'")
    fresh.rows("grant select, insert on headwater.* to reader@'%'")
    assert run(fresh, tmp_path, "other", username="reader", password="pw") == []
    assert journals(fresh) == ["headwater.shop", "other.headwater_journal", "own.headwater_journal"]


def test_a_user_who_may_keep_no_journal_is_told(fresh: Warehouse, tmp_path: Path) -> None:
    fresh.rows("create database small")
    fresh.rows("create user loader@'%' identified by 'pw'")
    fresh.rows("grant select, insert, create, drop, alter on small.* to loader@'%'")
    (warning, again) = run(fresh, tmp_path, "small", username="loader", password="pw")
    assert warning.startswith("No journal can be kept in schema `small`")
    assert "UPDATE" in warning
    assert again == warning
    assert fresh.rows("select n from small.m") == [(1,)]


@pytest.mark.skipif("mariadb" not in kinds(), reason="no MariaDB")
def test_a_node_of_a_galera_cluster_keeps_no_journal(tmp_path: Path) -> None:
    """Its named locks are its own: runs over other nodes would not see them."""
    with (
        tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name,
        private_server("mariadb", Path(name), "--wsrep-on=ON") as node,
    ):
        (told, again) = run(node, tmp_path, "shop")
        assert told == (
            "No journal is kept because the nodes of a Galera cluster do not share locks: runs at the same time are "
            "not kept apart, and lost connections are not recovered"
        )
        assert again == told
        assert journals(node) == []
        command = [sys.executable, "-m", "headwater", "debug"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert "whose nodes do not share locks" in done.stdout
        assert "capabilities: {named_locks: true}" in done.stdout
        # Where all runs use this node, its locks are enough.
        assert run(node, tmp_path, "shop", capabilities={"named_locks": True}) == []
        assert journals(node) == ["headwater.shop"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert "of this node of a Galera cluster" in done.stdout
