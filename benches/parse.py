#!/usr/bin/env python3
"""Parse synthetic projects, and print CPU milliseconds per model, wall time and peak memory.

    parse.py [--models 1000,5000,10000] [--runs 3] [--command headwater]

Each model refers to one or two models of the layer before, calls a macro or branches on a variable, and has six
described columns with four data tests. Three parses are measured: a cold one, a second one without any change, and one
after a change of one model.
"""

import argparse
import os
import pathlib
import tempfile

import measure

LAYERS = 10
COLUMNS = ["id", "store_id", "updated_at", "amount", "status", "channel"]


def model_sql(number, parents):
    froms = [f"{{{{ ref('m_{p:05d}') }}}}" for p in parents] or [f"{{{{ source('raw', 't_{number % 50:02d}') }}}}"]
    style = number % 3
    amount = {
        0: "a.amount",
        1: f"{{{{ rounded_{number % 100:02d}('a.amount', {number % 9}) }}}}",
        2: "{% for s in ['paid', 'done'] %}"
        "sum(case when a.status = '{{ s }}' then a.amount end){{ ' + ' if not loop.last }}{% endfor %}",
    }[style]
    newer = "\n{% if is_incremental() %}where a.updated_at > (select max(updated_at) from {{ this }}){% endif %}"
    joins = "".join(f"\nleft join {f} as b{i} on b{i}.id = a.id" for i, f in enumerate(froms[1:]))
    kind = ["view", "table", "incremental"][style]
    return (
        f"{{{{ config(materialized='{kind}', tags=['t{number % 20}']) }}}}\n"
        f"select a.id, a.store_id, {amount} as amount, a.status, a.channel, a.updated_at\nfrom {froms[0]} as a{joins}"
        f"{newer if kind == 'incremental' else ''}\n"
    )


def model_yaml(number, parents):
    lines = [f"  - name: m_{number:05d}", f"    description: Model {number} of the synthetic project.", "    columns:"]
    for position, column in enumerate(COLUMNS):
        lines += [f"      - name: {column}", f"        description: Column {position} of model {number}."]
        if column == "id":
            lines.append("        data_tests: [unique, not_null]")
        elif column == "store_id" and parents:
            lines += ["        data_tests:", "          - relationships:", "              arguments:"]
            lines += [f"                to: ref('m_{parents[0]:05d}')", "                field: id"]
        elif column in ("store_id", "updated_at"):
            lines.append("        data_tests: [not_null]")
    return lines


def write_project(folder, models):
    """Writes a project of `models` models in ten layers into `folder`."""

    def put(path, text):
        path = folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    put("dbt_project.yml", "name: scale\nversion: '1.0'\nprofile: scale\nmodels: {scale: {+materialized: view}}\n")
    put("profiles.yml", "scale:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:', schema: main}\n")
    per_layer = max(1, models // LAYERS)
    files = {}
    for number in range(models):
        layer = min(LAYERS - 1, number // per_layer)
        before = (layer - 1) * per_layer
        parents = [] if layer == 0 else sorted({before + (number * k) % per_layer for k in range(1, 2 + number % 2)})
        put(f"models/layer_{layer}/m_{number:05d}.sql", model_sql(number, parents))
        files.setdefault((layer, number % per_layer // 50), []).extend(model_yaml(number, parents))
    for (layer, part), lines in files.items():
        put(f"models/layer_{layer}/part_{part:03d}.yml", "version: 2\nmodels:\n" + "\n".join(lines) + "\n")
    tables = "\n".join(f"      - name: t_{number:02d}" for number in range(50))
    put("models/sources.yml", f"version: 2\nsources:\n  - name: raw\n    tables:\n{tables}\n")
    macro = (
        "{{% macro rounded_{0:02d}(expression, digits=2) %}}"
        "{{% if digits > 4 %}}round({{{{ expression }}}}, {{{{ digits }}}})"
        "{{% else %}}{{{{ expression }}}}{{% endif %}}{{% endmacro %}}\n"
    )
    put("macros/rounded.sql", "".join(macro.format(number) for number in range(100)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="1000,5000,10000", help="sizes, separated by commas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--command", default="headwater")
    args = parser.parse_args()
    print("models   parse      cpu ms/model   wall s   peak MB")
    for models in map(int, args.models.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            project = pathlib.Path(folder)
            write_project(project, models)
            command = [args.command, "--quiet", "parse", "--project-dir", folder, "--profiles-dir", folder]
            environment = {**os.environ, "DBT_LOG_PATH": str(project / "logs")}
            changing = project / "models" / "layer_0" / "m_00001.sql"

            def change(changing=changing):
                changing.write_text(changing.read_text() + "-- more\n")

            parses = {"cold": ["--no-partial-parse"], "unchanged": [], "one changed": []}
            for name, flags in parses.items():
                costs = []
                for _ in range(args.runs + 1):
                    if name == "one changed":
                        change()
                    costs.append(measure.run([*command, *flags], env=environment))
                cpu, wall, peak = (measure.median(costs[1:], field) for field in ("cpu", "wall", "peak_mb"))
                print(f"{models:6}   {name:11}   {1000 * cpu / models:9.3f}   {wall:6.2f}   {peak:7.0f}")


if __name__ == "__main__":
    main()
