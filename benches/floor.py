"""The floor: what the database itself needs for a project's compiled statements, sent by a plain client.

A table is one `create or replace ... as` (drop and create where the server has no such statement) plus its index
hooks. An incremental model on a later day is its new rows in a table beside it, a delete by join and an insert. A
snapshot is its query into a table beside it, a data test is one `count(*)`. Nothing is swapped, looked up or logged.
Seeds and unit tests are left out.
"""

import queue
import re
import sys
import threading
import time

import pymysql

HOOK = re.compile(r"index\(this, '(\w+)', \[(.*?)\]\)")
COLLATION = "utf8mb4_general_ci"


def connect(args):
    """A client of `args.mysql`, which is `unix:SOCKET` or `HOST:PORT`."""
    if args.mysql.startswith("unix:"):
        where = {"unix_socket": args.mysql[5:]}
    else:
        host, _, port = args.mysql.partition(":")
        where = {"host": host, "port": int(port or 3306)}
    return pymysql.connect(
        user=args.user, password=args.password, charset="utf8mb4", collation=COLLATION, autocommit=True, **where
    )


def rows(args, sql):
    with connect(args) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def jobs(manifest, later_day=False, replace=True):
    """(models, tests, parents): unique_id -> statements twice, and unique_id -> the unique_ids that it waits for.

    `later_day`: the manifest was compiled when the incremental models existed. `replace`: the server has
    `create or replace table`.
    """
    nodes = manifest["nodes"]
    models, tests = {}, {}
    for unique_id, node in nodes.items():
        sql = node.get("compiled_code")
        if not sql:
            continue
        kind = node["config"]["materialized"]
        name = f"`{node['schema']}`.`{node['alias']}`"
        beside = f"`{node['schema']}`.`{node['alias']}__floor`"
        if node["resource_type"] == "test":
            tests[unique_id] = [f"select count(*) from ({sql}) as t"]
        elif node["resource_type"] == "snapshot":
            models[unique_id] = [*make_table(beside, sql, replace), f"drop table {beside}"]
        elif node["resource_type"] != "model":
            continue
        elif kind == "view":
            models[unique_id] = [f"create or replace view {name} as {sql}"]
        elif kind == "incremental" and later_day:
            key = node["config"].get("unique_key") or []
            on = " and ".join(
                f"{name}.{column} = {beside}.{column}" for column in ([key] if isinstance(key, str) else key)
            )
            delete = [f"delete {name} from {name} join {beside} on {on}"] if on else []
            insert = f"insert into {name} select * from {beside}"
            models[unique_id] = [*make_table(beside, sql, replace), *delete, insert, f"drop table {beside}"]
        elif kind in ("table", "incremental"):
            models[unique_id] = [*make_table(name, sql, replace), *indexes(name, node)]
    parents = {unique_id: set(node.get("depends_on", {}).get("nodes", [])) for unique_id, node in nodes.items()}
    for unique_id, node in nodes.items():
        if node["config"].get("materialized") == "ephemeral":
            for waits in parents.values():
                if unique_id in waits:
                    waits |= parents[unique_id]
    return models, tests, parents


def make_table(name, sql, replace):
    if replace:
        return [f"create or replace table {name} as {sql}"]
    return [f"drop table if exists {name}", f"create table {name} as {sql}"]


def indexes(name, node):
    found = filter(None, (HOOK.search(hook["sql"]) for hook in node["config"]["post-hook"]))
    return [f"alter table {name} add index ix_{hook[1]} ({hook[2].replace(chr(39), '')})" for hook in found]


def run(args, jobs, parents):
    """Runs the jobs over `args.threads` connections; seconds of wall time."""
    waits = {job: {p for p in parents.get(job, ()) if p in jobs} for job in jobs}
    children = {}
    for job, before in waits.items():
        for parent in before:
            children.setdefault(parent, []).append(job)
    ready, lock, left, errors = queue.Queue(), threading.Lock(), [len(jobs)], []
    for job in jobs:
        if not waits[job]:
            ready.put(job)

    def work():
        cursor = connect(args).cursor()
        while (job := ready.get()) is not None:
            try:
                for statement in jobs[job]:
                    cursor.execute(statement)
                    cursor.fetchall()
            except pymysql.Error as error:
                errors.append(f"{job}: {error}")
            with lock:
                left[0] -= 1
                for child in children.get(job, ()):
                    waits[child].discard(job)
                    if not waits[child]:
                        ready.put(child)
                if not left[0]:
                    for _ in range(args.threads):
                        ready.put(None)

    started = time.monotonic()
    workers = [threading.Thread(target=work) for _ in range(args.threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        sys.exit("the floor failed: " + "; ".join(errors[:3]))
    return time.monotonic() - started
