"""Projects of dbt 1.7 with dbt-mysql go on with Headwater on the tables that dbt has built, and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse
from outside import python_of
from retail import SIZE, copied, expected, fingerprints, needs_retail, tool

#: A shop's project as teams wrote it for dbt 1.7 with dbt-mysql: old spellings, macros of their own, hooks for indexes.
OLD_SHOP = Path(__file__).with_name("old_shop")
RUN_DBT = str(Path(__file__).with_name("run_dbt.py"))


def dbt(folder: Path, *lines: list[str], **env: str) -> list[dict[str, Any]]:
    """Runs commands of dbt 1.7 in one process. It sends nothing anywhere."""
    told = [{"args": ["--quiet", *line], "keep": str(folder / "kept")} for line in lines]
    done = python_of("dbt17")(
        RUN_DBT, json.dumps(told), cwd=folder, DBT_SEND_ANONYMOUS_USAGE_STATS="false", DBT_PROFILES_DIR=".", **env
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    log = (folder / "logs" / "dbt.log").read_text()
    assert all(result["success"] for result in results), log[log.find("Completed with") :][:3000]
    return results


@needs_retail
def test_the_retail_chain_moves_in_and_back(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Day 1 with one of the two, day 2 with the other, in both directions: the tables are as dbt's after two days."""
    folder = copied(server.folder)
    targets = {name: [f"{server.schema}_{name}_dw", f"{server.schema}_{name}_staging"] for name in ("dbt", "hw")}
    prefix = f"{server.schema}_store"
    settings = {
        name: {"source_schema": prefix, "target_schema": warehouse, "staging_schema": staging}
        for name, (warehouse, staging) in targets.items()
    }
    outputs = {name: server.output | {"schema": staging, "threads": 8} for name, (_, staging) in targets.items()}
    (folder / "profiles.yml").write_text(json.dumps({"retail": {"target": "dbt", "outputs": outputs}}))
    utils = {"DBT_UTILS_DIR": str(server.folder / "dbt_utils")}
    monkeypatch.setenv(*next(iter(utils.items())))

    def build(name: str) -> list[str]:
        return ["build", "--target", name, "--vars", json.dumps(settings[name])]

    tool("generate.py", server, "--prefix", prefix, *SIZE)
    dbt(folder, ["deps"], build("dbt"), **utils)
    hw.Project(folder, target="hw", vars=settings["hw"]).build().raise_for_failures()
    assert fingerprints(server, targets["dbt"]) == fingerprints(server, targets["hw"]) == expected(server, 1)

    tool("generate.py", server, "--prefix", prefix, "--advance-day")
    hw.Project(folder, target="dbt", vars=settings["dbt"]).build().raise_for_failures()
    dbt(folder, build("hw"), **utils)
    assert fingerprints(server, targets["dbt"]) == expected(server, 2)
    assert fingerprints(server, targets["hw"]) == expected(server, 2)


#: What a dbt that was killed leaves behind.
LEFTOVERS = [
    "create table {schema}.dim_customers__dbt_backup as select 1 as x",
    "create view {schema}.mart_days__dbt_tmp as select 1 as x",
    "create table {schema}.fct_orders__dbt_tmp as select 1 as x",
    "create table {schema}.snap_customers__dbt_tmp as select 1 as x",
    "create view {schema}_staging.stg_orders__dbt_backup as select 1 as x",
]
#: Columns that hold the moment of a run: snapshots of the strategy `check` take it as their time.
MOMENTS = {"dbt_updated_at", "dbt_valid_from", "dbt_valid_to", "dbt_scd_id"}


def trade(server: Warehouse, raw: str, day: int) -> None:
    """What the tills write on a day."""
    for sql in (OLD_SHOP / "tills" / f"day_{day}.sql").read_text().split(";\n"):
        if sql.strip():
            server.rows(sql.replace("{raw}", raw))


def contents(server: Warehouse, schema: str) -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    """Relation → its columns and sorted rows, over the schema and its staging schema."""
    found = {}
    for space in (schema, f"{schema}_staging"):
        names = server.rows(f"select table_name from information_schema.tables where table_schema = '{space}'")
        for (name,) in names:
            with server.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"select * from `{space}`.`{name}`")
                columns = [column[0] for column in cursor.description]
                wall_clock = MOMENTS if name in ("snap_lines", "snap_all") else set()
                kept = [at for at, column in enumerate(columns) if column not in wall_clock]
                rows = [tuple(map(repr, (row[at] for at in kept))) for row in cursor.fetchall()]
                if wall_clock:
                    closed = columns.index("dbt_valid_to")
                    cursor.execute(f"select count(*) from `{space}`.`{name}` where dbt_valid_to is null")
                    rows.append((f"open in column {closed}", repr(cursor.fetchone())))
            found[name] = (columns, sorted(rows))
    return found


def test_an_old_project_goes_on_where_dbt_stopped(server: Warehouse) -> None:
    """Two days with dbt, two with Headwater, one with each in both orders: the same tables in the end."""
    raw = f"{server.schema}_raw"
    outputs = {
        name: {key: entry for key, entry in server.output.items() if key not in ("charset", "collation")}
        | {"schema": f"{server.schema}_{name}"}
        for name in ("dbt", "in", "back", "hw")
    }
    profiles = {
        "config": {"send_anonymous_usage_stats": False, "use_colors": False},
        "old_shop": {"target": "dbt", "outputs": outputs},
    }
    folder = server.folder / "old_shop"
    shutil.copytree(OLD_SHOP, folder)
    (folder / "profiles.yml").write_text(json.dumps(profiles))
    variables = {"raw_schema": raw}

    def build(name: str) -> list[str]:
        return ["build", "--target", name, "--vars", json.dumps(variables)]

    def ours(name: str) -> None:
        results = hw.Project(folder, target=name, vars=variables).build()
        assert results.success, [f"{result.name}: {result.message}" for result in results]

    server.rows(f"create database {raw}")
    trade(server, raw, 1)
    dbt(folder, ["deps"], build("dbt"), build("in"))
    ours("back")
    ours("hw")
    first = contents(server, outputs["dbt"]["schema"])
    for name in ("in", "back", "hw"):
        assert contents(server, outputs[name]["schema"]) == first, name

    trade(server, raw, 2)
    dbt(folder, build("dbt"), build("back"))
    for left in LEFTOVERS:
        server.rows(left.format(schema=outputs["in"]["schema"]))
    ours("in")
    ours("hw")
    second = contents(server, outputs["dbt"]["schema"])
    assert second != first
    for name in ("in", "back", "hw"):
        assert contents(server, outputs[name]["schema"]) == second, name
