"""`headwater debug`: what it finds on a server, and what it says to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import headwater as hw
import pytest
from conftest import Warehouse, kinds, write_project
from private import private_server, tcp

SOURCES = {
    "models/sources.yml": "sources: [{name: till, schema: hw_till, tables: [{name: receipts}]}]",
    "models/a.sql": "select * from {{ source('till', 'receipts') }}",
    "models/b.sql": "{{ config(schema='extra') }} select 1 as n",
}


def debug(project: hw.Project, *args: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "headwater", "debug", *args]
    done = subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def line(text: str, name: str) -> str:
    """The line of a check with its help."""
    found = re.search(rf"^{name}: .*\n(?: +help: .*\n)?", text, re.MULTILINE)
    assert found, f"no {name} in\n{text}"
    return found[0]


def test_a_good_warehouse_passes(warehouse: Warehouse):
    project = warehouse.project({"models/a.sql": "select 1 as n"})
    code, out, _ = debug(project)
    assert code == 0
    lines = [text.split(":")[0] for text in out.splitlines() if re.match(r"[a-z]", text)]
    # dbt's own checks come first, and what else is looked at follows.
    assert lines[:6] == ["headwater", "platform", "project", "profile", "adapter", "connection"]
    if warehouse.kind == "duckdb":
        assert "the file is open for writing [OK]" in line(out, "writes")
        assert lines[6:] == ["writes", "memory"]
    else:
        assert {"encryption", "privileges", "writes", "sql_mode", "collations", "clock"} <= set(lines[6:])
        assert "a Unix socket [OK]" in line(out, "encryption")
        assert re.search(r"0\.\d s from ours, .* \[OK\]", line(out, "clock"))
        assert "follows no other server [OK]" in line(out, "replication")
    assert "[ERROR]" not in out
    assert out.endswith("All checks passed\n")
    # Nothing is left behind, and asked for the connection alone it looks at nothing else.
    assert not (Path(project.project_dir) / "target" / "manifest.json").exists()
    code, out, _ = debug(project, "--connection")
    assert code == 0
    assert "sql_mode" not in out


def test_a_project_that_does_not_parse_is_no_reason_to_stop(duck: Warehouse):
    code, out, _ = debug(duck.project({"models/a.sql": "select * from {{ ref('none') }}"}))
    assert code == 0
    assert "does not parse (problems: 1) [WARN]" in line(out, "nodes")


FLAGS = {
    "mariadb": ["--max-statement-time=100"],
    "mysql": ["--max-execution-time=100000", "--gtid-mode=ON", "--enforce-gtid-consistency=ON"],
}


@pytest.fixture(scope="module", params=[kind for kind in kinds() if kind != "duckdb"])
def ailing(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """A server that is set up badly."""
    flags = ["--log-bin=log", "--server-id=7", "--binlog-format=STATEMENT", "--max-allowed-packet=1048576"]
    flags += ["--wait-timeout=60", "--max-connections=10", "--default-storage-engine=MyISAM", *FLAGS[request.param]]
    with (
        tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name,
        private_server(request.param, Path(name), *flags) as warehouse,
    ):
        yield warehouse


def test_what_ails_a_server_is_told_with_its_cure(ailing: Warehouse, tmp_path: Path):
    schema, escaped = ailing.schema, ailing.schema.replace("_", r"\_")
    for statement in (
        f"create database {schema} default character set utf8mb4 collate utf8mb4_unicode_ci",
        "create database hw_till default character set utf8mb4",
        f"create table {schema}.one (a varchar(9), b varchar(9)) engine=InnoDB",
        "create table hw_till.receipts (c varchar(9) collate utf8mb4_bin) engine=InnoDB",
        "create user clerk@'%' identified by 's3cret-pass'",
        f"grant select, insert, update, delete, create, alter, index on `{escaped}`.* to clerk@'%'",
    ):
        ailing.rows(statement)
    entries = tcp(ailing, username="clerk", password="s3cret-pass", threads=16)
    project = hw.Project(write_project(tmp_path / "shop", SOURCES, entries))
    code, out, err = debug(project)
    assert code == 1, out
    assert out.endswith("Not all checks passed\n")
    assert "s3cret" not in out + err
    # Each privilege that is missing, and the statement that gives it.
    privileges = line(out, "privileges")
    assert "clerk@% lacks drop, create view, show view on" in privileges
    assert f"grant drop, create view, show view on `{schema}`.* to 'clerk'@'%'" in privileges
    assert "grant select on `hw_till`.* to 'clerk'@'%'" in privileges
    assert f"on `{schema}_extra`.* to 'clerk'@'%'" in privileges
    assert "error[database]: privileges: clerk@%" in err
    assert "`binlog_format = STATEMENT`" in line(out, "binary log")
    assert "[ERROR]" in line(out, "binary log")
    warnings = {
        "engine": "MyISAM",
        "packet size": "1 MB",
        "sessions": "10 in all, 16 threads",
        "timeouts": "ended after 100 s",
        "collations": "utf8mb4_unicode_ci (2)",
        "functions": "log_bin_trust_function_creators",
    }
    for name, text in warnings.items():
        assert text in line(out, name)
        assert "[WARN]" in line(out, name)
        assert "help: " in line(out, name)
    if ailing.kind == "mysql":
        assert "component_classic_hashing" in line(out, "md5\\(\\)")


def test_a_server_for_reading_is_no_target(ailing: Warehouse, tmp_path: Path):
    ailing.rows("create user if not exists reader@'%'")
    ailing.rows("grant all on `hw\\_%`.* to reader@'%'")
    ailing.rows("set global read_only = 1")
    try:
        other = "mysql" if ailing.kind == "mariadb" else "mariadb"
        entries = tcp(ailing, type=other, username="reader", schema="hw_read", sql_mode="ANSI")
        code, out, err = debug(hw.Project(write_project(tmp_path / "shop", {}, entries)))
    finally:
        ailing.rows("set global read_only = 0")
    assert code == 1
    assert "`read_only`" in line(out, "writes")
    assert "is not strict" in line(out, "sql_mode")
    assert f"the target says `{other}`" in line(out, "type")
    assert f"`type: {ailing.kind}`" in line(out, "type")
    assert "help: take the server that it follows" in err


def test_the_events_of_debug_are_dbts(server: Warehouse):
    project = server.project({"models/a.sql": "select 1 as n"})
    code, out, _ = debug(project, "--log-format", "json")
    assert code == 0
    assert all(json.loads(text)["info"]["name"] for text in out.splitlines())
    assert hw.Runner().invoke(["debug", "--project-dir", str(project.project_dir)]).success
