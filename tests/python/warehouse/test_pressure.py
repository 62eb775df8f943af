"""Servers that push back: no room for sessions, locks in the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import headwater as hw
import pymysql
import pytest
from conftest import Warehouse, write_project
from private import tcp

MODELS = {f"models/m{n:02}.sql": "{{ config(materialized='table') }} select " + str(n) + " as n" for n in range(24)}
MODELS["models/all.yml"] = "models: [{name: m00, columns: [{name: n, data_tests: [not_null, unique]}]}]"


@pytest.fixture
def clerk(server: Warehouse) -> Iterator[str]:
    """A user of whom the server takes two sessions."""
    name = f"hw_{uuid.uuid4().hex[:8]}"
    server.rows(f"create user {name}@'%' identified by 's3cret-pass' with max_user_connections 2")
    server.rows(f"grant all on `{server.schema}%`.* to {name}@'%'")
    yield name
    server.rows(f"drop user {name}@'%'")


def build(project: hw.Project, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headwater", "build", "--log-format", "json", *args]
    return subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True, timeout=120)


def warnings(done: subprocess.CompletedProcess[str]) -> list[str]:
    events = [json.loads(line)["info"] for line in done.stdout.splitlines()]
    return [event["msg"] for event in events if event["name"] == "AdapterEventWarning"]


def test_a_run_waits_for_room(server: Warehouse, clerk: str, tmp_path):
    entries = tcp(server, username=clerk, password="s3cret-pass", threads=16)
    project = hw.Project(write_project(tmp_path / "shop", MODELS, entries))
    done = build(project)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    told = warnings(done)
    assert len(told) == 1
    assert "max_user_connections" in told[0]
    assert "works at once from here on" in told[0] or "work at once from here on" in told[0]
    assert "s3cret" not in done.stdout + done.stderr
    # Somebody else has one of three; a run needs two, one of them for its journal.
    server.rows(f"alter user {clerk}@'%' with max_user_connections 3")
    other = pymysql.connect(host="127.0.0.1", port=int(str(entries["port"])), user=clerk, password="s3cret-pass")
    try:
        assert build(project).returncode == 0
    finally:
        other.close()


def test_a_target_may_say_how_many_sessions_there_are(server: Warehouse, clerk: str, tmp_path):
    entries = tcp(server, username=clerk, password="s3cret-pass", threads=16, max_connections=2)
    done = build(hw.Project(write_project(tmp_path / "shop", MODELS, entries)))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert warnings(done) == []


def test_a_full_server_is_an_error_in_the_end_and_says_what_to_do(server: Warehouse, clerk: str, tmp_path):
    entries = tcp(server, username=clerk, password="s3cret-pass")
    login = {"host": "127.0.0.1", "port": int(str(entries["port"])), "user": clerk, "password": "s3cret-pass"}
    others = [pymysql.connect(**login) for _ in range(2)]
    project = hw.Project(write_project(tmp_path / "shop", MODELS, entries))
    try:
        command = [sys.executable, "-m", "headwater", "debug"]
        done = subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True)
        assert done.returncode == 1
        assert "max_user_connections" in done.stderr
        assert "help: fewer `threads`" in done.stderr
    finally:
        for other in others:
            other.close()


def test_interrupted_statements_stop_although_the_server_is_full(server: Warehouse, clerk: str, tmp_path):
    """Stopping takes a session of its own: an idle one of ours makes room for it."""
    models = {
        "models/quick.sql": "select 1 as n",
        "models/slow.sql": "-- depends_on: {{ ref('quick') }}\n{{ config(materialized='table') }} "
        "select count(*) as n from (select sleep(60)) as s",
    }
    entries = tcp(server, username=clerk, password="s3cret-pass", threads=4)
    project = hw.Project(write_project(tmp_path / "shop", models, entries))
    command = [sys.executable, "-m", "headwater", "build"]
    process = subprocess.Popen(command, cwd=project.project_dir, stdout=subprocess.PIPE, text=True)

    def running() -> list[tuple[object, ...]]:
        sql = "select id, info from information_schema.processlist where user = '" + clerk + "'"
        return [row for row in server.rows(sql) if "sleep(60)" in str(row[1])]

    deadline = time.monotonic() + 60
    while not running() and time.monotonic() < deadline:
        time.sleep(0.05)
    [(_, statement)] = running()
    # Every statement says which node it is for.
    assert "model.shop.slow" in str(statement)
    process.send_signal(2)
    process.communicate(timeout=30)
    assert process.returncode != 0
    while running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running()


def test_one_session_is_enough_without_a_journal(server: Warehouse, clerk: str, tmp_path):
    server.rows(f"alter user {clerk}@'%' with max_user_connections 1")
    entries = tcp(server, username=clerk, password="s3cret-pass", threads=16, max_connections=1)
    project = hw.Project(write_project(tmp_path / "shop", MODELS, entries))
    done = build(project)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert warnings(done) == []
    events = [json.loads(line)["info"] for line in done.stdout.splitlines()]
    (told,) = [event["msg"] for event in events if event["level"] == "warn"]
    assert told == (
        "No journal is kept because it takes a session of its own and `max_connections` of the target is 1: runs at "
        "the same time are not kept apart, and lost connections are not recovered"
    )
