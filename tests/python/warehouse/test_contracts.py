"""Contracts: what is compared before a build, what the server enforces, what is checked, and how it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import headwater as hw
import pytest
from conftest import Warehouse

#: One column list for all databases; `{more}` are lines of a model's entry.
GOOD = "select 1 as id, 'ann' as name, cast(9.50 as decimal(10,2)) as amount"
COLUMNS = """
            columns:
              - name: id
                data_type: int
                constraints: [{type: not_null}, {type: primary_key}]
              - {name: name, data_type: varchar(20), constraints: [{type: unique, name: one_name}]}
              - name: amount
                data_type: decimal(12,2)
                constraints: [{type: check, expression: "amount > 0", name: positive}]
"""


def entry(name: str, columns: str, config: str = "materialized: table", more: str = "") -> str:
    return f"""
          - name: {name}
            config:
              contract: {{enforced: true}}
              {config}
{more}{columns}"""


def files(sql: str, *entries: str, **others: str) -> dict[str, str]:
    models = {"models/orders.sql": sql} | {f"models/{name}.sql": text for name, text in others.items()}
    return models | {"models/schema.yml": "models:" + "".join(entries)}


def text(result: Any) -> str:
    return str(result.explain())


def failed(warehouse: Warehouse, project: dict[str, str], **arguments: Any) -> dict[str, Any]:
    results = warehouse.project(project).build(**arguments)
    return {result.name: result for result in results if result.status == "error"}


def orders(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(f"select * from {warehouse.schema}.orders order by 1")


def tables(warehouse: Warehouse) -> list[str]:
    sql = f"select table_name from information_schema.tables where table_schema = '{warehouse.schema}' order by 1"
    return [name for (name,) in warehouse.rows(sql)]


def contract(warehouse: Warehouse, name: str) -> dict[str, Any]:
    artifact = json.loads((warehouse.folder / "shop" / "target" / "run_results.json").read_text())
    return next(r["adapter_response"]["contract"] for r in artifact["results"] if r["unique_id"].endswith(f".{name}"))


def test_differing_columns_are_told_at_once_and_nothing_is_built(warehouse: Warehouse) -> None:
    assert not failed(warehouse, files(GOOD, entry("orders", COLUMNS)))
    wrong = "select '1' as id, 'ann' as nam, cast(9.505 as decimal(12,3)) as amount"
    problem = text(failed(warehouse, files(wrong, entry("orders", COLUMNS)))["orders"])
    lines = (warehouse.folder / "shop" / "models" / "schema.yml").read_text().splitlines()
    assert "contract" in problem
    assert "4 columns differ" in problem
    for name, declared in [("id", "int"), ("name", "varchar(20)"), ("amount", "decimal(12,2)")]:
        line = next(number for number, text in enumerate(lines, 1) if f"name: {name}" in text and "- " in text[:20])
        row = next(row for row in problem.splitlines() if row.split()[:1] == [name] or f" {name} " in row)
        assert f"schema.yml:{line}" in problem, (line, row)
        assert declared in problem
    assert "nam " in problem
    assert "not declared" in problem
    assert "not in the query" in problem
    assert [row[0] for row in orders(warehouse)] == [1]
    assert tables(warehouse) == ["orders"]


def test_aliases_order_and_narrower_texts_are_no_difference(warehouse: Warehouse) -> None:
    columns = """
            columns:
              - {name: flag, data_type: boolean}
              - {name: number, data_type: integer}
              - {name: NAME, data_type: character varying(30)}
              - {name: amount, data_type: "numeric(12,2)"}
              - {name: at, data_type: timestamp}
              - {name: nothing, data_type: int}
              - {name: order, data_type: bigint}
"""
    query = (
        "select cast(null as decimal(12,2)) as amount, 'x' as name, 7 as number, 1 = 1 as flag, null as nothing,"
        " {{ dbt.cast(\"'2024-05-01 10:00:00'\", 'timestamp(0)' if target.type != 'duckdb' else 'timestamp') }} as at,"
        f" count(*) as {'`order`' if warehouse.kind != 'duckdb' else chr(34) + 'order' + chr(34)}"
    )
    assert not failed(warehouse, files(query, entry("orders", columns)))
    (row,) = warehouse.rows(f"select number, name from {warehouse.schema}.orders")
    assert row == (7, "x")


BROKEN = {
    "not null": (GOOD.replace("1 as id", "cast(null as {int}) as id"), "`id` is", "id = null", "type: not_null"),
    "primary key": (
        f"{GOOD} union all {GOOD.replace('ann', 'bob')}",
        "not a primary key",
        "id = 1, rows = 2",
        "primary_key",
    ),
    "unique": (
        f"{GOOD} union all {GOOD.replace('1 as', '2 as')}",
        "`name` is not unique",
        "name = ann, rows = 2",
        "one_name",
    ),
    "check": (
        f"{GOOD} union all select 2, 'b', -3.25",
        "`amount > 0` does not hold",
        "id = 2, amount = -3.25",
        "positive",
    ),
}


def test_a_broken_rule_names_column_rows_and_line(warehouse: Warehouse) -> None:
    """One project with a model for each rule: they are as independent as four of them."""
    names = [rule.replace(" ", "_") for rule in BROKEN]
    columns = [COLUMNS.replace("one_name", f"one_{name}") for name in names]
    entries = [entry(name, own) for name, own in zip(names, columns)]
    assert not failed(warehouse, files(GOOD, *entries, **dict.fromkeys(names, GOOD)))
    cast = "integer" if warehouse.kind == "duckdb" else "signed"
    broken = {name: query.replace("{int}", cast) for name, (query, *_) in zip(names, BROKEN.values())}
    problems = failed(warehouse, files(GOOD, *entries, **broken))
    assert sorted(problems) == sorted(names)
    lines = (warehouse.folder / "shop" / "models" / "schema.yml").read_text().splitlines()
    for name, (_, breach, row, written) in zip(names, BROKEN.values()):
        problem = text(problems[name])
        assert breach in problem
        assert row in problem
        assert "enforced by the server" in problem
        start = next(number for number, text in enumerate(lines, 1) if text.strip() == f"- name: {name}")
        written = written.replace("one_name", f"one_{name}")
        line = next(number for number, text in enumerate(lines, 1) if number > start and written in text)
        assert f"schema.yml:{line}" in problem
        assert warehouse.rows(f"select name from {warehouse.schema}.{name}") == [("ann",)]
    assert tables(warehouse) == sorted([*names, "orders"])


def test_the_result_says_who_holds_a_rule(warehouse: Warehouse) -> None:
    assert not failed(warehouse, files(GOOD, entry("orders", COLUMNS)))
    said = contract(warehouse, "orders")
    assert said["checked_by_headwater"] == []
    assert said["enforced_by_server"] == [
        "not null of id",
        "primary key (id)",
        "unique (name)",
        "check (amount > 0)",
    ]


def test_what_a_server_does_not_enforce_is_checked_before_it_is_published(server: Warehouse) -> None:
    kinds = ["not_null", "unique", "primary_key", "check"]
    output = server.output | {"capabilities": {f"enforces_{kind}": False for kind in kinds}}
    profile = json.dumps({"shop": {"target": "test", "outputs": {"test": output}}})
    project = files(GOOD, entry("orders", COLUMNS)) | {"profiles.yml": profile}
    assert not failed(server, project)
    said = contract(server, "orders")
    assert said["enforced_by_server"] == []
    assert len(said["checked_by_headwater"]) == 4
    for rule in ("not null", "primary key", "unique", "check"):
        query, breach, row, _ = BROKEN[rule]
        problem = text(failed(server, project | {"models/orders.sql": query.replace("{int}", "signed")})["orders"])
        assert "checked by headwater" in problem
        # A key that is null is no key either, and is declared first.
        assert row in problem or rule == "not null", problem
        assert breach in problem
        assert [row[1] for row in orders(server)] == ["ann"]
        assert tables(server) == ["orders"]


def test_defaults_generated_columns_and_own_clauses(warehouse: Warehouse) -> None:
    columns = """
            columns:
              - {name: id, data_type: int, constraints: [{type: not_null}]}
              - {name: state, data_type: varchar(9), constraints: [{type: custom, expression: "default 'new'"}]}
              - {name: twice, data_type: int, constraints: [{type: custom, expression: "generated always as (id * 2)"}]}
"""
    for _ in range(2):
        assert not failed(warehouse, files("select 4 as id", entry("orders", columns)))
        assert orders(warehouse) == [(4, "new", 8)]
    problem = text(failed(warehouse, files("select 4 as id, 8 as twice", entry("orders", columns)))["orders"])
    assert "computed by the table" in problem


def test_a_value_beyond_its_type_is_shown(server: Warehouse) -> None:
    columns = "            columns: [{name: id, data_type: int}, {name: size, data_type: smallint}]"
    assert not failed(server, files("select 1 as id, 2 as size", entry("orders", columns)))
    query = "select 1 as id, 70000 as size union all select 2, 3"
    problem = text(failed(server, files(query, entry("orders", columns)))["orders"])
    assert "`size` has a value that `smallint` does not hold" in problem
    assert "size = 70000" in problem
    assert orders(server) == [(1, 2)]
    assert tables(server) == ["orders"]


PARENT = """
            columns:
              - {name: id, data_type: int, constraints: [{type: primary_key}]}
              - {name: name, data_type: varchar(20)}
"""
CHILD = """
            columns:
              - {name: id, data_type: int, constraints: [{type: primary_key}]}
              - name: customer_id
                data_type: int
                constraints: [{type: foreign_key, to: ref('customers'), to_columns: [id], name: of_customer}]
"""


def family(parents: str = "select 1 as id, 'ann' as name union all select 2, 'bob'", **models: str) -> dict[str, str]:
    project = files(
        "select 10 as id, 1 as customer_id union all select 11, null",
        entry("orders", CHILD),
        entry("customers", PARENT, models.pop("config", "materialized: table")),
    )
    return project | {"models/customers.sql": parents} | models


def references(server: Warehouse) -> list[tuple[Any, ...]]:
    return server.rows(
        "select table_name, referenced_table_name from information_schema.key_column_usage"
        f" where table_schema = '{server.schema}' and referenced_table_name is not null order by 1"
    )


def test_a_parent_is_rebuilt_and_its_children_follow(server: Warehouse) -> None:
    every = [
        {},
        {"select": ["customers"]},
        {"select": ["customers"]},
        {"select": ["orders"]},
        {"full_refresh": True},
        {},
    ]
    for arguments in every:
        assert not failed(server, family(), **arguments)
        assert references(server) == [("orders", "customers")]
        assert tables(server) == ["customers", "orders"]
    said = contract(server, "orders")["enforced_by_server"]
    assert f"foreign key (customer_id) to {server.schema}.customers (id)" in said
    # A child whose parent is missing.
    problem = text(failed(server, family("select 2 as id, 'bob' as name"))["orders"])
    assert "`customer_id` is not in" in problem
    assert "customer_id = 1" in problem
    assert "of_customer" in problem
    assert orders(server) == [(10, 1), (11, None)]
    assert references(server) == [("orders", "customers")]
    assert tables(server) == ["customers", "orders"]


def test_a_parent_does_not_lose_rows_that_children_have(server: Warehouse) -> None:
    assert not failed(server, family())
    fewer = family("select 2 as id, 'bob' as name")
    problem = text(failed(server, fewer, select=["customers"])["customers"])
    assert "lacks rows that `orders` refers to" in problem
    assert "customer_id = 1" in problem
    assert "--select customers orders" in problem
    assert [row[0] for row in server.rows(f"select id from {server.schema}.customers order by 1")] == [1, 2]
    assert references(server) == [("orders", "customers")]
    assert tables(server) == ["customers", "orders"]
    # Both in one run: the child is checked when it is built.
    assert not failed(server, fewer | {"models/orders.sql": "select 12 as id, 2 as customer_id"})
    assert orders(server) == [(12, 2)]


def test_an_incremental_parent_is_changed_in_place(server: Warehouse) -> None:
    config = "materialized: incremental\n              unique_key: id\n              on_schema_change: fail"
    project = family(config=config)
    assert not failed(server, project)
    changed = project | {"models/customers.sql": "select 1 as id, 'anne' as name union all select 3, 'cy'"}
    assert not failed(server, changed, select=["customers"])
    assert server.rows(f"select id, name from {server.schema}.customers order by 1") == [
        (1, "anne"),
        (2, "bob"),
        (3, "cy"),
    ]
    assert references(server) == [("orders", "customers")]
    assert tables(server) == ["customers", "orders"]


def test_what_a_killed_run_left_of_a_parent_is_cleared(server: Warehouse) -> None:
    assert not failed(server, family())
    at = server.schema
    # Killed after the rename: the child refers to the backup.
    server.rows(f"create table {at}.customers_new like {at}.customers")
    server.rows(f"insert into {at}.customers_new select * from {at}.customers")
    server.rows(f"rename table {at}.customers to {at}.customers__dbt_backup, {at}.customers_new to {at}.customers")
    assert references(server) == [("orders", "customers__dbt_backup")]
    assert not failed(server, family(), select=["customers"])
    assert references(server) == [("orders", "customers")]
    assert tables(server) == ["customers", "orders"]


def test_a_foreign_key_that_cannot_be_declared_is_checked(warehouse: Warehouse) -> None:
    project = family(config="materialized: view")
    for broken in (False, True):
        query = "select 10 as id, 7 as customer_id" if broken else "select 10 as id, 1 as customer_id"
        problems = failed(warehouse, project | {"models/orders.sql": query})
        assert list(problems) == (["orders"] if broken else [])
        assert orders(warehouse) == [(10, 1)]
        if broken:
            assert "checked by headwater" in text(problems["orders"])
            assert "customer_id = 7" in text(problems["orders"])
    assert tables(warehouse) == ["customers", "orders"]


def test_incremental_runs_keep_to_the_contract(warehouse: Warehouse) -> None:
    config = (
        "materialized: incremental\n              unique_key: id\n              on_schema_change: append_new_columns"
    )
    query = GOOD + "{% if is_incremental() %} where 1 = 0 {{ var('more', '') }}{% endif %}"
    plain = COLUMNS.replace("constraints: [{type: not_null}, {type: primary_key}]", "tags: []")
    plain = plain.replace(", constraints: [{type: unique, name: one_name}]", "")
    plain = plain[: plain.rindex("                constraints")]
    # Old rows that break a rule are told; nothing has changed then.
    project = files(query.replace("9.50", "-9.50"), entry("orders", plain, config))
    if warehouse.kind != "duckdb":
        assert not failed(warehouse, project)
        later = project | {"models/schema.yml": "models:" + entry("orders", COLUMNS, config)}
        problem = text(failed(warehouse, later)["orders"])
        assert "rows of the table that break it: id = 1, amount = -9.50" in problem
        warehouse.rows(f"drop table {warehouse.schema}.orders")
    # Constraints that were declared later come with the next run, and hold for old rows and new ones.
    assert not failed(warehouse, files(query, entry("orders", plain, config)))
    assert not failed(warehouse, files(query, entry("orders", COLUMNS, config)))
    for more, breach in [
        ("union all select null, 'x', 1.00", "`id` is"),
        ("union all select 5, 'x', -1.00", "`amount > 0`"),
        ("union all select 6, 'ann', 1.00", "`name`"),
    ]:
        problem = text(failed(warehouse, files(query, entry("orders", COLUMNS, config)), vars={"more": more})["orders"])
        assert breach in problem
        assert [row[0] for row in orders(warehouse)] == [1]
    more = "union all select 7, 'x', 1.00"
    assert not failed(warehouse, files(query, entry("orders", COLUMNS, config)), vars={"more": more})
    assert [row[0] for row in orders(warehouse)] == [1, 7]
    # And go when they are no longer declared.
    assert not failed(warehouse, files(query, entry("orders", plain, config)))
    assert tables(warehouse) == ["orders"]
    if warehouse.kind != "duckdb":
        left = warehouse.rows(
            "select constraint_name from information_schema.table_constraints"
            f" where table_schema = '{warehouse.schema}' and constraint_name like '%\\_\\_hw\\_%'"
        )
        assert left == []


def test_keys_may_be_configs(server: Warehouse) -> None:
    project = family()
    config = """materialized: table
              primary_key: id
              foreign_keys: [{columns: customer_id, to: ref('customers'), to_columns: id, on_delete: cascade}]"""
    columns = "            columns: [{name: id, data_type: int}, {name: customer_id, data_type: int}]"
    project["models/schema.yml"] = "models:" + entry("orders", columns, config) + entry("customers", PARENT)
    for _ in range(2):
        assert not failed(server, project)
        assert references(server) == [("orders", "customers")]
    server.rows(f"delete from {server.schema}.customers where id = 1")
    assert orders(server) == [(11, None)]


def test_wrong_keys_are_told_while_parsing(duck: Warehouse) -> None:
    config = """materialized: table
              foreign_keys: [{columns: custmer_id, to: ref('customers'), to_column: id, on_delete: never}]"""
    columns = """
            constraints: [{type: unique, columns: [idd]}]
            columns: [{name: id, data_type: int}, {name: customer_id, data_type: int}]"""
    project = family() | {
        "models/schema.yml": "models:" + entry("orders", columns, config) + entry("customers", PARENT)
    }
    with pytest.raises(hw.exceptions.ParseError) as raised:
        duck.project(project).build()
    said = str(raised.value)
    for part in ("`idd`", "`custmer_id`", "without `to_columns`", "did you mean `to_columns`?", "on_delete"):
        assert part in said, (part, said)


def test_constraints_of_a_view_are_told_to_have_no_effect(duck: Warehouse) -> None:
    columns = """
            columns:
              - {name: id, data_type: int, constraints: [{type: unique%s}]}"""
    for key, code in [("", 2), (", warn_unsupported: false", 0)]:
        project = duck.project(files("select 1 as id", entry("orders", columns % key, "materialized: view")))
        command = [sys.executable, "-m", "headwater", "--warn-error", "run"]
        done = subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        assert ("constraints of model `orders` have no effect" in done.stderr) == bool(code)
