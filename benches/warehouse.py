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
import statistics
import subprocess
import sys
import tempfile

import floor
import measure

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "examples" / "retail"


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
        cursor = floor.connect(args).cursor()
        for schema in args.schemas.split(","):
            cursor.execute(f"drop schema if exists {schema}")

    def seeded():
        empty()
        headwater("seed")
        cursor = floor.connect(args).cursor()
        for schema in args.schemas.split(","):
            cursor.execute(f"create schema if not exists {schema}")

    seeded()
    headwater("compile", "--full-refresh")
    manifest = json.loads((folder / "target" / "manifest.json").read_text())
    jobs, tests, parents = floor.jobs(manifest)
    models = {job: statements for job, statements in jobs.items() if job.startswith("model.")}
    print(f"{len(models)} models, {len(tests)} data tests, {args.threads} threads, {args.runs} runs", flush=True)
    costs = {"run": [], "test": [], "parse": []}
    floors = {"run": [], "test": []}
    for _ in range(args.runs):
        seeded()
        floors["run"].append(floor.run(args, models, parents))
        seeded()
        costs["run"].append(headwater("run"))
        if len(costs["test"]) == 0:
            headwater("snapshot")
        floors["test"].append(floor.run(args, {k: v for k, v in tests.items() if snapshot_free(manifest, k)}, {}))
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
