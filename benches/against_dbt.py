#!/usr/bin/env python3
"""Time a retail chain's days with dbt-core 1.7 + dbt-mysql, with Headwater, and at the floor, on one server in one run.

    against_dbt.py --mysql unix:SOCKET --dbt VENV/bin/dbt [--headwater PATH] [--project DIR] [--stores 150] [--rounds 3]

Both tools get a copy of the same project and the same profile, read the same source tables and write into schemas of
their own, in turn; who begins changes from round to round. A round has these steps, each one command:

- first build: `build` into empty schemas, nothing parsed before;
- incremental day: `build` after one more business day in the sources;
- tests only: `test`;
- nothing changed: `build` once more;
- deploy without a change: `build --select state:modified+`, with the artifacts of the step before as the state.

The floor is a plain client that sends the compiled statements over as many connections (floor.py). Prints one Markdown
table of medians and ratios to stdout, its progress to stderr, and writes nothing else; all schemas are dropped at the
end. Ends with an error if the two do not have the same relations with the same number of rows.

`--project` is a folder with `project/` and `generate.py`, which knows `--project-out`, `--prefix`, `--stores` and
`--advance-day`; without it the shops of examples/retail are built, in a copy with the YAML spelled as dbt 1.7 knows it.
The account must be allowed to create and drop databases. Needs PyMySQL.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

import floor
import measure

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "examples" / "retail"
STEPS = ["first build", "incremental day", "tests only", "nothing changed", "deploy without a change"]


class Chain:
    """A project in a folder of its own, with a generator of its sources: `--project DIR`."""

    profile, warehouse = "retail", "target_schema"

    def __init__(self, args):
        self.args = args

    def generate(self, *more):
        args = self.args
        login = ["--target", "mysql", "--dsn", args.mysql, "--user", args.user, "--password", args.password]
        script(args.project / "generate.py", *login, "--prefix", f"{args.prefix}_store", *more)

    def begin(self):
        args = self.args
        sizes = {"--stores": args.stores, "--orders-per-store": args.orders_per_store, "--days": args.days}
        self.generate(*(text for pair in sizes.items() for text in map(str, pair)))

    def advance(self):
        self.generate("--advance-day")

    def write(self, folder):
        script(self.args.project / "generate.py", "--project-out", str(folder), "--stores", str(self.args.stores))

    def environment(self):
        utils = self.args.project / "dbt_utils"
        return {"DBT_UTILS_DIR": str(utils.resolve())} if utils.exists() else {}

    def variables(self, tool):
        start = f"{self.args.prefix}_{tool}_"
        schemas = {self.warehouse: f"{start}dw", "staging_schema": f"{start}staging"}
        return {"source_schema": f"{self.args.prefix}_store", **schemas}


class Shops(Chain):
    """examples/retail."""

    profile, warehouse = "shops", "warehouse_schema"

    def generate(self, *more):
        args = self.args
        login = ["--mysql", args.mysql, "--user", args.user, "--password", args.password]
        sizes = {
            "--stores": args.stores,
            "--days": args.days,
            "--orders-per-day": max(1, args.orders_per_store // args.days),
            "--prefix": f"{args.prefix}_store",
        }
        more = [*(text for pair in sizes.items() for text in map(str, pair)), *more]
        script(EXAMPLE / "generate_shops.py", *login, *more)

    def begin(self):
        self.generate()

    def advance(self):
        self.generate("--more-days", "1")

    def write(self, folder):
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("target", "logs", ".headwater", "*.duckdb*"))
        for path in [folder / "dbt_project.yml", *folder.rglob("_*.yml")]:
            path.write_text(spelled_for_1_7(path.read_text()))
        snapshots = folder / "snapshots" / "_snapshots.yml"
        text, found = re.subn(
            r"    relation: ref\('stg_products'\)\n    config:\n(?:      .*\n)+?(?=    \w)", "", snapshots.read_text()
        )
        assert found == 1, "the example's snapshots are written differently now"
        snapshots.write_text(text)
        (folder / "snapshots" / "snap_products.sql").write_text(
            "{% snapshot snap_products %}\n{{ config(unique_key='product_key', strategy='check',"
            " check_cols=['list_price', 'is_active'], target_schema=var('warehouse_schema')) }}\n"
            "select * from {{ ref('stg_products') }}\n{% endsnapshot %}\n"
        )
        customers = folder / "snapshots" / "snap_customers.sql"
        customers.write_text(customers.read_text().replace("config(", "config(target_schema=var('warehouse_schema'), "))

    def environment(self):
        return {}

    def variables(self, tool):
        return {**super().variables(tool), "store_count": self.args.stores}


def spelled_for_1_7(text):
    """YAML without what dbt 1.7 does not know: `data_tests`, `arguments` of tests, a newer version that is required."""
    lines, deeper = [], None
    for line in text.replace("data_tests:", "tests:").splitlines():
        indent = len(line) - len(line.lstrip())
        if deeper is not None and indent <= deeper:
            deeper = None
        if line.strip() == "arguments:":
            deeper = indent
        elif not line.startswith("require-dbt-version"):
            lines.append(line[2:] if deeper is not None else line)
    return "\n".join(lines) + "\n"


@dataclass
class Tool:
    """dbt or Headwater, with its copy of the project."""

    name: str
    command: str
    folder: pathlib.Path
    options: list
    environment: dict
    costs: dict = field(default_factory=lambda: {step: [] for step in STEPS})

    def call(self, command, *more):
        return measure.run([self.command, "--quiet", command, *self.options, *more], self.folder, self.environment)

    def forget(self):
        for name in ("target", "logs", ".headwater"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def step(self, step):
        """Runs one step; what it cost."""
        more = []
        if step == STEPS[-1]:
            shutil.rmtree(self.folder / "state", ignore_errors=True)
            shutil.copytree(self.folder / "target", self.folder / "state")
            more = ["--select", "state:modified+", "--state", "state"]
        cost = self.call("test" if step == "tests only" else "build", *more)
        self.costs[step].append(cost)
        print(f"{step}: {self.name} {cost.wall:.2f} s", file=sys.stderr, flush=True)


def script(path, *arguments):
    subprocess.run([sys.executable, str(path), *arguments], check=True, stdout=subprocess.DEVNULL)


def profile(args, name, schema):
    if args.mysql.startswith("unix:"):
        where = {"unix_socket": args.mysql[5:]}
    else:
        host, _, port = args.mysql.partition(":")
        where = {"server": host, "port": int(port or 3306)}
    login = {"username": args.user, "password": args.password, "charset": "utf8mb4", "collation": floor.COLLATION}
    output = {"type": args.kind, **where, **login, "schema": schema, "threads": args.threads}
    return json.dumps({name: {"target": "bench", "outputs": {"bench": output}}})


def make_tool(args, chain, folder, name, command):
    folder = folder / name
    chain.write(folder)
    variables = chain.variables(name)
    (folder / "profiles.yml").write_text(profile(args, chain.profile, variables["staging_schema"]))
    quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    options = ["--project-dir", ".", "--profiles-dir", ".", "--vars", json.dumps(variables)]
    tool = Tool(name, command, folder, options, {**os.environ, **quiet, **chain.environment()})
    if (folder / "packages.yml").exists():
        tool.call("deps")
    return tool


def drop(args, start):
    like = start.replace("_", r"\_")
    for (schema,) in floor.rows(
        args, f"select schema_name from information_schema.schemata where schema_name like '{like}%'"
    ):
        floor.rows(args, f"drop database `{schema}`")
    journals = "select table_name from information_schema.tables where table_schema = 'headwater'"
    for (table,) in floor.rows(args, f"{journals} and table_name like '{like}%'"):
        floor.rows(args, f"drop table headwater.`{table}`")


def run_floor(args, tool, step, replace):
    """Compiles the step's statements with Headwater in the floor's own schemas, and sends them; seconds and nodes."""
    tool.call("compile", *(["--full-refresh"] if step == STEPS[0] else []))
    manifest = json.loads((tool.folder / "target" / "manifest.json").read_text())
    models, tests, parents = floor.jobs(manifest, step != STEPS[0], replace)
    if step == STEPS[0]:
        for unique_id in models:
            node = manifest["nodes"][unique_id]
            if node["resource_type"] == "model":
                kind = "view" if node["config"]["materialized"] == "view" else "table"
                floor.rows(args, f"drop {kind} if exists `{node['schema']}`.`{node['alias']}`")
    seconds = floor.run(args, tests if step == "tests only" else models | tests, parents)
    print(f"{step}: floor {seconds:.2f} s", file=sys.stderr, flush=True)
    return seconds, len(tests) if step == "tests only" else len(models) + len(tests)


def relations(args, tool):
    """Relation -> rows of the schemas that a tool has built."""
    start = f"{args.prefix}_{tool.name}_"
    found = floor.rows(
        args,
        "select table_schema, table_name from information_schema.tables"
        f" where table_schema in ('{start}dw', '{start}staging') order by 1, 2",
    )
    return {
        f"{schema.removeprefix(start)}.{table}": floor.rows(args, f"select count(*) from `{schema}`.`{table}`")[0][0]
        for schema, table in found
    }


def same(ours, theirs):
    """Exits unless both have built the same relations with as many rows."""
    different = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if different:
        lines = (
            f"{name}: {theirs.get(name)} rows with dbt, {ours.get(name)} with Headwater" for name in different[:10]
        )
        sys.exit("the two have built different things:\n" + "\n".join(lines))
    return len(ours)


def versions(args):
    python = pathlib.Path(args.dbt).parent / "python"
    ask = "from importlib.metadata import version as v; print('dbt-core', v('dbt-core'), '+ dbt-mysql', v('dbt-mysql'))"
    theirs = subprocess.run([python, "-c", ask], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    ours = subprocess.run([args.headwater, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return theirs, ours.splitlines()[0], floor.rows(args, "select version()")[0][0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mysql", required=True, metavar="HOST:PORT|unix:SOCKET")
    parser.add_argument("--dbt", required=True, help="the command of a venv with dbt-core 1.7 and dbt-mysql 1.7")
    parser.add_argument("--headwater", default="headwater")
    parser.add_argument("--project", type=pathlib.Path, help="a folder with project/ and generate.py")
    parser.add_argument("--kind", choices=["mariadb", "mysql"], default="mariadb")
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--prefix", default="hw_bench", help="all schemas begin with it, and are dropped")
    parser.add_argument("--stores", type=int, default=150)
    parser.add_argument("--orders-per-store", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    args.dbt, args.headwater = (
        shutil.which(command) or parser.error(f"{command} is no command") for command in (args.dbt, args.headwater)
    )
    args.dbt, args.headwater = map(os.path.abspath, (args.dbt, args.headwater))
    chain = Chain(args) if args.project else Shops(args)
    drop(args, f"{args.prefix}_")
    try:
        with tempfile.TemporaryDirectory() as folder:
            compare(args, chain, pathlib.Path(folder))
    finally:
        drop(args, f"{args.prefix}_")


def compare(args, chain, folder):
    commands = {"dbt": args.dbt, "headwater": args.headwater, "floor": args.headwater}
    dbt, headwater, plain = (make_tool(args, chain, folder, name, command) for name, command in commands.items())
    names = versions(args)
    replace = "mariadb" in names[2].lower()
    floors, nodes, built = {step: [] for step in STEPS}, {}, 0
    for number in range(args.rounds):
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
        for tool in (dbt, headwater, plain):
            drop(args, f"{args.prefix}_{tool.name}_")
            tool.forget()
        chain.begin()
        for step in STEPS:
            if step == "incremental day":
                chain.advance()
            for tool in (dbt, headwater) if number % 2 == 0 else (headwater, dbt):
                tool.step(step)
            if step == STEPS[0]:
                plain.call("build")
            if step != STEPS[-1]:
                seconds, nodes[step] = run_floor(args, plain, step, replace)
                floors[step].append(seconds)
        built = same(relations(args, headwater), relations(args, dbt))
    report(args, names, (dbt, headwater), floors, nodes, built)


def report(args, names, tools, floors, nodes, built):
    theirs, ours, server = names
    sizes = f"{args.stores} stores, {args.orders_per_store} orders each, {args.days} days"
    print(f"{theirs} against {ours} on {server}; {sizes}; {args.threads} threads; {os.cpu_count()} CPUs.")
    print(f"Medians of {args.rounds} round{'s' * (args.rounds > 1)};", end=" ")
    print(f"afterwards both had the same {built} relations with the same numbers of rows.\n")
    print(
        "| step | nodes | dbt | Headwater | floor | dbt : Headwater | Headwater : floor | peak memory dbt | Headwater |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for step in STEPS:
        walls = [[cost.wall for cost in tool.costs[step]] for tool in tools]
        peaks = [f"{measure.median(tool.costs[step], 'peak_mb'):.0f} MB" for tool in tools]
        seconds = [f"{statistics.median(wall):.2f} s" for wall in walls]
        below, above = ["", ""], f"{ratio(*walls):.1f}"
        if step in nodes:
            below = [f"{statistics.median(floors[step]):.2f} s", f"{ratio(walls[1], floors[step]):.2f}"]
        cells = [step, nodes.get(step, ""), *seconds, below[0], above, below[1], *peaks]
        print(f"| {' | '.join(map(str, cells))} |")


def ratio(above, below):
    """The median of the rounds' own ratios, so that a drifting machine hurts both sides."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


if __name__ == "__main__":
    main()
