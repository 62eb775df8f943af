#!/usr/bin/env python3
"""Time an increment of new and changed rows into a large table, by strategy, against what dbt-mysql sends.

    upsert.py --mysql unix:SOCKET [--kind mariadb] [--rows 1000000] [--delta 50000] [--runs 3] [--dbt VENV/bin/dbt]

Half of the delta are known keys, half are new ones. Every run begins with the same table, copied anew. Headwater runs
the whole node (select the delta, make it a table, move the rows). Without `--dbt` the statements of dbt-mysql 1.7 are
sent by a plain client, in its order: the delta as a temporary table, `delete ... where (key) in (select ...)`,
`insert`; the table has the index on its key that Headwater's has. With `--dbt` the real dbt-core 1.7 with dbt-mysql
runs the model. What takes longer than `--patience` seconds is stopped, and not tried again. Printed: medians, ratios.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import pymysql
from floor import connect

DIGITS = "(select 0 as d" + "".join(f" union all select {digit}" for digit in range(1, 10)) + ")"
STRATEGIES = ["merge", "delete+insert"]


def numbers(below):
    """A query of the numbers from 0 on, as many as there are powers of ten for."""
    places = range(len(str(below - 1)))
    value = " + ".join(f"d{place}.d * {10**place}" for place in places)
    tables = " cross join ".join(f"{DIGITS} as d{place}" for place in places)
    return f"select {value} as n from {tables} having n < {below}"


def prepare(cursor, args):
    """The large table and the delta: half of its keys are known."""
    cursor.execute(f"drop database if exists {args.schema}")
    cursor.execute(f"create database {args.schema}")
    shape = "n as id, n % 1000 as store, n * 0.01 as amount, concat('row ', n) as note"
    cursor.execute(f"create table {args.schema}.big as select {shape} from ({numbers(args.rows)}) as numbers")
    cursor.execute(
        f"alter table {args.schema}.big modify id bigint not null, add unique index headwater_unique_key (id)"
    )
    first = args.rows - args.delta // 2
    moved = shape.replace("n as id", f"n + {first} as id").replace("n * 0.01", "n * 0.02")
    cursor.execute(f"create table {args.schema}.delta as select {moved} from ({numbers(args.delta)}) as numbers")


def reset(cursor, args):
    cursor.execute(f"drop table if exists {args.schema}.target, {args.schema}.target__dbt_tmp")
    cursor.execute(f"create table {args.schema}.target like {args.schema}.big")
    cursor.execute(f"insert into {args.schema}.target select * from {args.schema}.big")


def check(cursor, args):
    cursor.execute(f"select count(*), count(distinct id), sum(amount) from {args.schema}.target")
    count, distinct, total = cursor.fetchone()
    assert count == distinct == args.rows + args.delta - args.delta // 2, (count, distinct)
    return total


def write_project(folder, args, strategy):
    account = f"username: {args.user}, password: '{args.password}', schema: {args.schema}, threads: 1"
    where = f"unix_socket: '{args.mysql[5:]}'" if args.mysql.startswith("unix:") else f"server: '{args.mysql}'"
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text("name: bench\nversion: '1.0'\nprofile: bench\n")
    (folder / "profiles.yml").write_text(
        f"bench:\n  target: t\n  outputs:\n    t: {{type: {args.kind}, {where}, {account}}}\n"
    )
    setting = f", incremental_strategy='{strategy}'" if strategy else ""
    (folder / "models" / "target.sql").write_text(
        f"{{{{ config(materialized='incremental', unique_key='id'{setting}) }}}}\nselect * from {args.schema}.delta\n"
    )
    return ["--project-dir", str(folder), "--profiles-dir", str(folder)]


def by_command(command, options):
    start = time.perf_counter()
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    done = subprocess.run([*command, "run", *options], env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return seconds


def stop(args):
    """Stops the deletes of this benchmark, whoever sent them."""
    cursor = connect(args).cursor()
    cursor.execute(
        "select id from information_schema.processlist where info like %s", (f"%delete%{args.schema}%target%",)
    )
    for (session,) in cursor.fetchall():
        with contextlib.suppress(pymysql.Error):
            cursor.execute(f"kill query {session}")


def with_patience(args, work):
    """The seconds that the work took; None if it was stopped."""
    stopped = threading.Event()
    timer = threading.Timer(args.patience, lambda: (stopped.set(), stop(args)))
    timer.start()
    try:
        return work()
    except (pymysql.Error, RuntimeError):
        if not stopped.is_set():
            raise
        return None
    finally:
        timer.cancel()


def by_statements(cursor, args):
    start = time.perf_counter()
    target, new = f"{args.schema}.target", f"{args.schema}.target__dbt_tmp"
    cursor.execute(f"create temporary table {new} as select * from {args.schema}.delta")
    cursor.execute(f"delete from {target} where (id) in (select id from {new})")
    cursor.execute(f"insert into {target} (id, store, amount, note) (select id, store, amount, note from {new})")
    cursor.execute(f"drop temporary table {new}")
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mysql", required=True, metavar="HOST:PORT|unix:SOCKET")
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--kind", choices=["mariadb", "mysql"], default="mariadb")
    parser.add_argument("--schema", default="hw_upsert", help="a database of its own, dropped before and after")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--delta", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--patience", type=float, default=300)
    parser.add_argument("--command", default="headwater")
    parser.add_argument("--dbt", help="the dbt of a venv with dbt-core 1.7 and dbt-mysql")
    args = parser.parse_args()
    cursor = connect(args).cursor()
    cursor.execute("set session transaction isolation level read committed")
    cursor.execute("select version()")
    print(f"{args.kind} {cursor.fetchone()[0]}: {args.delta:,} rows into {args.rows:,}, {args.runs} runs of each")
    prepare(cursor, args)
    dbt = "dbt-mysql" if args.dbt else "dbt-mysql's statements"
    seconds = {**{f"headwater {strategy}": [] for strategy in STRATEGIES}, dbt: []}
    totals = set()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="upsert-"))
    try:
        for _ in range(args.runs):
            for name, taken in seconds.items():
                if None in taken:
                    continue
                reset(cursor, args)
                if name != dbt:
                    options = write_project(folder / name.split()[1], args, name.split()[1])
                    taken.append(by_command([args.command], options))
                elif args.dbt:
                    options = write_project(folder / "dbt", args, None)
                    taken.append(with_patience(args, lambda options=options: by_command([args.dbt], options)))
                else:
                    taken.append(with_patience(args, lambda: by_statements(cursor, args)))
                if taken[-1] is not None:
                    totals.add(check(cursor, args))
        assert len(totals) == 1, f"the ways do not agree: {totals}"
        merge = statistics.median(seconds["headwater merge"])
        for name, taken in seconds.items():
            middle = args.patience if None in taken else statistics.median(taken)
            more = ">" if None in taken else " "
            print(f"{name:<26}{more}{middle:8.2f} s  {more}{middle / merge:6.2f} x merge")
    finally:
        shutil.rmtree(folder)
        cursor.execute(f"drop database if exists {args.schema}")


if __name__ == "__main__":
    main()
