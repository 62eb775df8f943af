"""Read replicas: what is read there, what is not, and what happens when they are late."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import headwater as hw
import pytest
from conftest import Warehouse, kinds, write_project
from private import private_server, tcp

FOLLOW = {
    "mariadb": "change master to master_host='127.0.0.1', master_port={port}, master_user='follower', "
    "master_password='s3cret-pass', master_use_gtid=slave_pos",
    "mysql": "change replication source to source_host='127.0.0.1', source_port={port}, source_user='follower', "
    "source_password='s3cret-pass', source_auto_position=1, get_source_public_key=1",
}
GTID = {"mariadb": [], "mysql": ["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]}
STOP = {"mariadb": "stop slave sql_thread", "mysql": "stop replica sql_thread"}
START = {"mariadb": "start slave", "mysql": "start replica"}

FILES = {
    "models/orders.sql": "{{ config(materialized='table') }} select 1 as id union all select 2",
    "models/orders.yml": """
        models: [{name: orders, columns: [{name: id, data_tests: [not_null, unique]}]}]
        sources:
          - name: shop
            schema: "{{ target.schema }}"
            freshness: {error_after: {count: 1, period: day}}
            loaded_at_query: select now()
            tables: [{name: orders}]
        """,
    "tests/kept.sql": "{{ config(store_failures=true, severity='warn') }} select id from {{ ref('orders') }}",
    # Nobody would expect a test to write.
    "tests/sneaky.sql": """
        {% if execute %}{% do run_query('create table if not exists ' ~ schema ~ '.sneaked (i int)') %}{% endif %}
        select id from {{ ref('orders') }} where id > 2
        """,
}


@dataclass
class Pair:
    primary: Warehouse
    replica: Warehouse

    def project(self, folder: Path, **entries: object) -> hw.Project:
        output = tcp(self.primary, replicas=[f"127.0.0.1:{tcp(self.replica)['port']}"], replica_wait=20, **entries)
        return hw.Project(write_project(folder / f"shop{len(list(folder.iterdir()))}", FILES, output))

    @staticmethod
    def asked(server: Warehouse, text: str) -> int:
        """How many statements with this text clients have sent since the log was emptied."""
        ours = "user_host like 'root%' and argument not like '%general_log%'"
        sql = f"select count(*) from mysql.general_log where {ours} and argument like '%{text}%'"
        return int(server.rows(sql)[0][0])

    def forget(self) -> None:
        for server in (self.primary, self.replica):
            server.rows("truncate table mysql.general_log")


@pytest.fixture(scope="module", params=[kind for kind in kinds() if kind != "duckdb"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    kind = request.param
    flags = ["--log-bin=log", "--binlog-format=ROW", "--log-output=TABLE", "--general-log=1", *GTID[kind]]
    with (
        tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name,
        private_server(kind, Path(name) / "p", *flags, "--server-id=1") as primary,
        private_server(kind, Path(name) / "r", *flags, "--server-id=2", "--read-only=1") as replica,
    ):
        primary.rows("create user follower@'%' identified by 's3cret-pass'")
        primary.rows("grant all on *.* to follower@'%'")
        replica.rows(FOLLOW[kind].format(port=tcp(primary)["port"]))
        replica.rows(START[kind])
        yield Pair(primary, replica)


def command(project: hw.Project, *args: str) -> tuple[int, list[dict[str, str]], str]:
    line = [sys.executable, "-m", "headwater", *args, "--log-format", "json"]
    done = subprocess.run(line, cwd=project.project_dir, capture_output=True, text=True, timeout=120)
    return done.returncode, [json.loads(text)["info"] for text in done.stdout.splitlines()], done.stderr


def told(events: list[dict[str, str]]) -> list[str]:
    return [event["msg"] for event in events if event["name"] == "AdapterEventWarning"]


def test_tests_and_previews_read_what_was_just_written_from_the_replica(pair: Pair, tmp_path: Path):
    project = pair.project(tmp_path)
    for _ in range(3):
        pair.forget()
        code, events, err = command(project, "build", "--full-refresh")
        assert code == 0, err
        assert told(events) == []
        # The tests of a table that was not there a moment ago.
        for test in ("not_null_orders_id", "unique_orders_id"):
            assert pair.asked(pair.replica, f"test.shop.{test}") > 0
            assert pair.asked(pair.primary, f"test.shop.{test}") == 0
        # What is kept is written, and a write that nobody announced as well.
        assert pair.asked(pair.primary, "create table %dbt_test__audit%") > 0
        assert pair.asked(pair.primary, "sneaked") > 0
        assert pair.asked(pair.replica, "model.shop.orders") == 0
    assert pair.primary.rows("select table_name from information_schema.tables where table_name = 'sneaked'")

    pair.forget()
    assert project.query("select count(*) as asked_for from {{ ref('orders') }}").fetchall() == [(2,)]
    assert len(project.show("orders")) == 2
    assert project.source_freshness().success
    project.docs_generate()
    for text in ("asked_for", "select now()", "table_comment"):
        assert pair.asked(pair.replica, text) > 0, text
        assert pair.asked(pair.primary, text) == 0, text


def test_a_late_replica_is_left_alone_and_that_is_told(pair: Pair, tmp_path: Path):
    replica = {"host": "127.0.0.1", "port": tcp(pair.replica)["port"]}
    output = tcp(pair.primary, schema="hw_late", replicas=[replica], replica_wait=1)
    project = hw.Project(write_project(tmp_path / "shop", FILES, output))
    pair.replica.rows(STOP[pair.replica.kind])
    try:
        pair.forget()
        code, events, err = command(project, "build")
        assert code == 0, err
        [why] = told(events)
        assert "it is too far behind" in why
        assert pair.asked(pair.primary, "test.shop.unique_orders_id") > 0
        out = subprocess.run(
            [sys.executable, "-m", "headwater", "debug"], cwd=project.project_dir, capture_output=True, text=True
        )
        assert out.returncode == 0
        assert "a replica that has stopped" in out.stdout
    finally:
        pair.replica.rows(START[pair.replica.kind])


def test_a_replica_that_is_down_is_no_error(pair: Pair, tmp_path: Path):
    output = tcp(pair.primary, schema="hw_down", read_host="127.0.0.1:1", retries=0)
    project = hw.Project(write_project(tmp_path / "shop", FILES, output))
    code, events, err = command(project, "build")
    assert code == 0, err
    [why] = told(events)
    assert "cannot connect to `127.0.0.1:1`" in why


def test_nobody_writes_to_a_replica(pair: Pair, tmp_path: Path):
    """root may write to a `read_only` server, and does not: the statement goes to the primary."""
    project = pair.project(tmp_path, schema="hw_root")
    project.build()
    code, events, err = command(project, "show", "--inline-direct", "insert into hw_root.orders values (9)")
    assert code == 0, err
    assert told(events) == []
    assert sorted(pair.primary.rows("select id from hw_root.orders")) == [(1,), (2,), (9,)]
    assert project.query("select count(*) from {{ ref('orders') }}").fetchall() == [(3,)]
    assert len(pair.replica.rows("select id from hw_root.orders")) == 3


def test_debug_shows_how_the_replica_follows(pair: Pair, tmp_path: Path):
    project = pair.project(tmp_path)
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(
            [sys.executable, "-m", "headwater", "debug"], cwd=project.project_dir, capture_output=True, text=True
        )
        if "s behind its source [OK]" in done.stdout or time.monotonic() > deadline:
            break
    assert done.returncode == 0, done.stdout
    assert f"replica:        127.0.0.1:{tcp(pair.replica)['port']}: a replica, " in done.stdout
