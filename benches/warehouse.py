#!/usr/bin/env python3
"""Time `headwater run` and `headwater test` against the floor: a plain client that sends the same compiled statements.

    warehouse.py --mysql unix:SOCKET [--stores 15] [--runs 5] [--threads 8] [--project DIR]

Both build into empty schemas, in turn, so that a drifting machine hurts both. The floor is `create or replace ... as`
of every model in dependency order plus its index hooks, then one `count(*)` per data test, over as many connections as
Headwater has threads. Printed: medians, ratios, Headwater's own CPU milliseconds per node and its peak memory.
"""

import argparse
import json
import os
import pathlib
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import measure
import pymysql

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "examples" / "retail"
HOOK = re.compile(r"index\(this, '(\w+)', \[(.*?)\]\)")


def connect(args):
    if args.mysql.startswith("unix:"):
        where = {"unix_socket": args.mysql[5:]}
    else:
        host, _, port = args.mysql.partition(":")
        where = {"host": host, "port": int(port or 3306)}
    return pymysql.connect(user=args.user, password=args.password, charset="utf8mb4", autocommit=True, **where)


def floor_jobs(manifest):
    """(models, tests): unique_id -> statements, and unique_id -> the unique_ids that it waits for."""
    nodes = manifest["nodes"]
    models, tests = {}, {}
    for unique_id, node in nodes.items():
        sql = node.get("compiled_code")
        if not sql:
            continue
        kind = node["config"]["materialized"]
        if node["resource_type"] == "model" and kind in ("table", "view", "incremental"):
            name = f"`{node['schema']}`.`{node['alias']}`"
            models[unique_id] = [f"create or replace {'view' if kind == 'view' else 'table'} {name} as {sql}"]
            for hook in node["config"]["post-hook"]:
                found = HOOK.search(hook["sql"])
                if found:
                    columns = found[2].replace("'", "")
                    models[unique_id].append(f"alter table {name} add index {found[1]} ({columns})")
        elif node["resource_type"] == "test":
            tests[unique_id] = [f"select count(*) from ({sql}) as t"]
    parents = {unique_id: set(node.get("depends_on", {}).get("nodes", [])) for unique_id, node in nodes.items()}
    for unique_id, node in nodes.items():
        if node["config"].get("materialized") == "ephemeral":
            for waits in parents.values():
                if unique_id in waits:
                    waits |= parents[unique_id]
    return models, tests, parents


def floor(args, jobs, parents):
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


def example_environment(args, folder):
    """Generates the shops and returns the environment and options that the example project needs."""
    generator = [
        sys.executable,
        str(EXAMPLE / "generate_shops.py"),
        "--mysql",
        args.mysql,
        "--stores",
        str(args.stores),
    ]
    subprocess.run([*generator, "--user", args.user, "--password", args.password, "--orders-per-day", "40"], check=True)
    account = f"username: {args.user}, password: '{args.password}', schema: shops, threads: {args.threads}"
    if args.mysql.startswith("unix:"):
        where = f"unix_socket: '{args.mysql[5:]}'"
    else:
        host, _, port = args.mysql.partition(":")
        where = f"host: {host}, port: {port or 3306}"
    profile = f"shops:\n  target: bench\n  outputs:\n    bench: {{type: {args.kind}, {where}, {account}}}\n"
    (folder / "profiles.yml").write_text(profile)
    return ["--project-dir", str(EXAMPLE), "--profiles-dir", str(folder), "--vars", f"{{store_count: {args.stores}}}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mysql", required=True, metavar="HOST:PORT|unix:SOCKET")
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--kind", choices=["mariadb", "mysql"], default="mariadb")
    parser.add_argument("--stores", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--command", default="headwater")
    parser.add_argument("--project", type=pathlib.Path, help="another project; its profile is read beside it")
    parser.add_argument("--schemas", default="shops,shops_staging", help="target schemas, emptied before each build")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        options = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
        if args.project:
            options += ["--project-dir", str(args.project), "--profiles-dir", str(args.project)]
        else:
            options += example_environment(args, folder)
        options += ["--threads", str(args.threads)]
        measure_project(args, folder, options)


def measure_project(args, folder, options):
    environment = dict(os.environ)

    def headwater(command, *more):
        return measure.run([args.command, "--quiet", command, *options, *more], env=environment)

    def empty():
        cursor = connect(args).cursor()
        for schema in args.schemas.split(","):
            cursor.execute(f"drop schema if exists {schema}")

    def seeded():
        empty()
        headwater("seed")
        cursor = connect(args).cursor()
        for schema in args.schemas.split(","):
            cursor.execute(f"create schema if not exists {schema}")

    seeded()
    headwater("compile", "--full-refresh")
    manifest = json.loads((folder / "target" / "manifest.json").read_text())
    models, tests, parents = floor_jobs(manifest)
    print(f"{len(models)} models, {len(tests)} data tests, {args.threads} threads, {args.runs} runs", flush=True)
    costs = {"run": [], "test": [], "parse": []}
    floors = {"run": [], "test": []}
    for _ in range(args.runs):
        seeded()
        floors["run"].append(floor(args, models, parents))
        seeded()
        costs["run"].append(headwater("run"))
        if len(costs["test"]) == 0:
            headwater("snapshot")
        floors["test"].append(floor(args, {k: v for k, v in tests.items() if snapshot_free(manifest, k)}, {}))
        costs["test"].append(headwater("test", "--exclude", "resource_type:snapshot"))
        costs["parse"].append(headwater("parse"))
    report(costs, floors, {"run": len(models), "test": len(tests)})


def snapshot_free(manifest, unique_id):
    return not any(parent.startswith("snapshot.") for parent in manifest["nodes"][unique_id]["depends_on"]["nodes"])


def report(costs, floors, nodes):
    parse_cpu = measure.median(costs["parse"], "cpu")
    print("command   wall s   floor s   ratio   own cpu ms/node   peak MB")
    for command in ("run", "test"):
        ratios = [cost.wall / base for cost, base in zip(costs[command], floors[command], strict=True)]
        own = 1000 * (measure.median(costs[command], "cpu") - parse_cpu) / nodes[command]
        wall, peak = measure.median(costs[command], "wall"), measure.median(costs[command], "peak_mb")
        base = statistics.median(floors[command])
        print(f"{command:8} {wall:7.2f}   {base:7.2f}   {statistics.median(ratios):5.2f}   {own:15.3f}   {peak:7.0f}")
    print(f"parse alone: {measure.median(costs['parse'], 'wall'):.2f} s wall, {parse_cpu:.2f} s cpu")


if __name__ == "__main__":
    main()
