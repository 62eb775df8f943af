"""A second parse gives what a cold one would have given, whatever has changed in between."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from conftest import write_project

PROJECT = {
    "dbt_project.yml": """
        name: shop
        version: '1.0'
        profile: shop
        vars: {start: '2020-01-01', unused: 1, many: [a, b]}
        models: {shop: {+materialized: view, staging: {+tags: [staged]}, nowhere: {+enabled: true}}}
        seeds: {shop: {+quote_columns: true}}
        on-run-start: "select '{{ var('start') }}'"
        on-run-end: ["select 1"]
        """,
    "packages.yml": "packages: [{local: local/tools}]\n",
    "models/staging/stg_orders.sql": """
        {{ config(tags=['hot']) }}
        select {{ cents('amount') }} as amount, '{{ env_var("HW_TEST_REGION", "none") }}' as region
        from {{ source('raw', 'orders') }} where day >= '{{ var("start") }}'
        """,
    "models/staging/stg_items.sql": "{{ config(enabled=var('items', true)) }} select 1 as id",
    "models/orders.sql": """
        {{ config(materialized=env_var('HW_TEST_KIND', 'table')) }}
        select * from {{ ref('stg_orders') }} {% if flags.FULL_REFRESH %} -- {{ ref('countries') }} {% endif %}
        """,
    "models/hidden.sql": "{{ config(enabled=false) }} select * from {{ ref('nothing') }}",
    "models/clock.sql": "select {{ tools.twice('1') }} as two, '{{ target.name }}' as t",
    "models/people_v1.sql": "select 1 as id",
    "models/people_v2.sql": "select 1 as id, 2 as age",
    "models/schema.yml": """
        version: 2
        models:
          - name: orders
            description: "{{ doc('orders') }}"
            config: {group: finance, meta: {owner: "{{ var('owner', env_var('HW_TEST_TEAM', 'nobody')) }}"}}
            columns:
              - {name: amount, description: money, data_tests: [not_null, {at_least: {arguments: {least: 3}}}]}
              - {name: region, data_tests: [{accepted_values: {arguments: {values: "{{ var('many') }}"}}}]}
          - name: people
            latest_version: 2
            versions: [{v: 1}, {v: 2}]
            columns: [{name: id, data_tests: [unique]}]
          - name: not_there
            description: what no file has
        groups: [{name: finance, owner: {name: us}}]
        exposures:
          - {name: board, type: dashboard, owner: {name: me}, depends_on: ["ref('orders')"]}
        """,
    "models/sources.yml": """
        sources:
          - name: raw
            schema: "raw_{{ target.name }}"
            tables: [{name: orders, columns: [{name: id, data_tests: [not_null]}]}]
        """,
    # A file that describes nodes and nothing else, which need not be read where they are as they were.
    "models/plain/plain.yml": """
        models:
          - name: alpha
            description: "{{ doc('alpha') }}"
            config: {tags: [one], contract: {enforced: false}}
            columns:
              - name: id
                description: its key
                data_tests:
                  - unique
                  - not_null: {config: {severity: warn, meta: {why: because}}}
          - name: beta
            config: {group: finance}
            data_tests:
              - at_least: {column_name: id, least: 3}
              - guarded: {arguments: {floor: "{{ var('floor', 1) }}"}}
          - name: crew
            versions: [{v: 1}, {v: 2, columns: [{include: all}, {name: age, data_tests: [not_null]}]}]
            columns: [{name: id, data_tests: [unique]}]
        seeds: [{name: countries, columns: [{name: code, data_tests: [unique]}]}]
        """,
    "models/plain/off.yml": """
        models:
          - {name: hidden, columns: [{name: id, data_tests: [not_null]}]}
          - name: delta
            columns: [{name: id, data_tests: [{relationships: {arguments: {to: ref('nothing'), field: id}}}]}]
        """,
    "models/plain/delta.sql": "select 1 as id",
    "models/plain/alpha.sql": "select {{ cents('1') }} as id {{ log('alpha is read') }}",
    "models/plain/beta.sql": 'select {{ env_var("HW_TEST_BETA", var("beta", 1)) }} as id from {{ ref("alpha") }}',
    "models/plain/crew_v1.sql": "select 1 as id",
    "models/plain/crew_v2.sql": "select 1 as id, 2 as age from {{ ref('crew', v=1) }}",
    "models/plain/plain.md": "{% docs alpha %}The first.{% enddocs %}",
    "tests/generic/guarded.sql": "{% test guarded(model, floor) %}{{ guard(floor) }} from {{ model }}{% endtest %}",
    "macros/guard.sql": "{% macro guard(floor) %}-- {{ floor }}{% endmacro %}",
    "models/semantic.yml": """
        semantic_models:
          - name: people
            model: ref('rich')
            entities: [{name: code, type: primary}]
            measures: [{name: how_many, agg: count, expr: code}]
            dimensions: [{name: kind, type: categorical}]
        models:
          - name: days
            time_spine: {standard_granularity_column: day}
            columns: [{name: day, granularity: day}]
        """,
    "models/days.sql": "select 1 as day",
    "models/docs.md": "{% docs orders %}All orders.{% enddocs %}",
    "models/unit.yml": """
        unit_tests:
          - name: totals
            model: orders
            overrides: {macros: {is_incremental: false}}
            given: [{input: ref('stg_orders'), format: csv, fixture: some_orders}]
            expect: {rows: [{amount: 1, region: x}]}
          - name: seeded
            model: rich
            given: [{input: ref('countries')}]
            expect: {rows: [{code: de}]}
        """,
    "models/rich.sql": "select code from {{ ref('countries') }}",
    "macros/cents.sql": "{% macro cents(column) %}{{ rounded(column) }}{% endmacro %}",
    "macros/rounded.sql": "{% macro rounded(column) %}round({{ column }}, 2){% endmacro %}",
    "macros/macros.yml": "macros: [{name: cents, description: of money}]\n",
    "tests/generic/at_least.sql": """
        {% test at_least(model, column_name, least) %}
        select * from {{ model }} where {{ column_name }} < {{ least }}
        {% endtest %}
        """,
    "tests/no_orders.sql": "select * from {{ ref('orders') }} where false",
    "tests/fixtures/some_orders.csv": "amount,region\n1,x\n",
    "analyses/look.sql": "select * from {{ ref('orders') }}",
    "seeds/countries.csv": "code,name\nde,Germany\n",
    "snapshots/history.sql": """
        {% snapshot history %}
        {{ config(strategy='check', unique_key='code', check_cols='all') }}
        select * from {{ ref('countries') }}
        {% endsnapshot %}
        """,
    "snapshots/more.yml": """
        snapshots:
          - {name: later, relation: ref('rich'), config: {strategy: check, unique_key: code, check_cols: all}}
        """,
    "selectors.yml": "selectors: [{name: hot, definition: {method: tag, value: hot}}]\n",
    "local/tools/dbt_project.yml": "name: tools\nversion: '1.0'\nvars: {factor: 2}\n",
    "local/tools/macros/twice.sql": "{% macro twice(x) %}{{ x }} * {{ var('factor') }}{% endmacro %}",
    "local/tools/models/tool.sql": "select {{ twice('1') }} as n",
}
#: What every parse says in its own words.
OWN = {"generated_at", "invocation_id", "invocation_started_at", "run_started_at", "created_at"}


def settled(value: Any) -> Any:
    """Without what is another one in every invocation."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items() if key not in OWN}
    return [settled(item) for item in value] if isinstance(value, list) else value


@dataclass
class Bench:
    """A project that is parsed again and again."""

    folder: Path
    options: dict[str, Any] = field(default_factory=dict)

    def parse(self, *args: str, target: str = "target") -> tuple[Any, list[str]]:
        """The manifest, or what is wrong; and what was told."""
        path = self.folder / target
        for artifact in ("manifest.json", "semantic_manifest.json"):
            (path / artifact).unlink(missing_ok=True)
        log = self.folder / f"logs_{target}"
        shutil.rmtree(log, ignore_errors=True)
        outcome = hw.Runner().invoke(
            ["parse", *args],
            project_dir=str(self.folder),
            profiles_dir=str(self.folder),
            target_path=str(path),
            log_path=str(log),
            log_format_file="json",
            **self.options,
        )
        lines = [json.loads(line) for line in (log / "dbt.log").read_text().splitlines()]
        told = [line["info"]["msg"] for line in lines if line["info"]["level"] in ("warn", "error")]
        self.why = [line["info"]["msg"] for line in lines if "artial pars" in line["info"]["msg"]]
        self.events = [(line["info"]["name"], line["data"]) for line in lines]
        told += sorted(line["info"]["msg"] for line in lines if line["info"]["name"] == "JinjaLogDebug")
        if not outcome.success:
            return str(outcome.exception), told
        semantic = json.loads((path / "semantic_manifest.json").read_text())
        return settled({**json.loads((path / "manifest.json").read_text()), "semantic": semantic}), told

    def listed(self, start: str) -> set[str]:
        """What the last parse has listed behind these words."""
        found = [why.removeprefix(start) for why in self.why if why.startswith(start)]
        assert len(found) < 100, "the log does not list more"
        return set(found)

    def built(self) -> set[str]:
        """The nodes that the last parse built anew, tests without the digests at their ends."""
        ids = self.listed("Partial parsing: built anew: ")
        return {".".join(id.split(".")[:3]) for id in ids if ".source_" not in id}

    def warm(self) -> tuple[Any, list[str]]:
        return self.parse()

    def cold(self) -> tuple[Any, list[str]]:
        return self.parse("--no-partial-parse", target="cold")

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, text: str) -> None:
        self.path(name).write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.path(name)
        if path.exists():
            path.write_text(path.read_text().replace(old, new))


def toggled(name: str, old: str, new: str) -> Callable[[Bench], None]:
    """Puts one text in the place of another, or back."""

    def mutate(bench: Bench) -> None:
        path = bench.path(name)
        if path.exists():
            text = path.read_text()
            path.write_text(text.replace(new, old) if new in text else text.replace(old, new))

    return mutate


def present(name: str, text: str) -> Callable[[Bench], None]:
    """Adds a file, or takes it away."""

    def mutate(bench: Bench) -> None:
        path = bench.path(name)
        if path.exists():
            path.unlink()
        else:
            path.write_text(text)

    return mutate


def moved(one: str, other: str) -> Callable[[Bench], None]:
    def mutate(bench: Bench) -> None:
        here, there = bench.path(one), bench.path(other)
        if there.exists():
            here, there = there, here
        if here.exists():
            here.rename(there)

    return mutate


def environment(name: str, value: str) -> Callable[[Bench], None]:
    def mutate(bench: Bench) -> None:
        if os.environ.pop(name, None) is None:
            os.environ[name] = value

    return mutate


def option(name: str, value: Any) -> Callable[[Bench], None]:
    def mutate(bench: Bench) -> None:
        if bench.options.pop(name, None) is None:
            bench.options[name] = value

    return mutate


def same_size_and_time(bench: Bench) -> None:
    path = next(bench.folder.glob("models/**/rich.sql"))
    before = path.stat()
    text = path.read_text()
    path.write_text(text.replace("code", "name") if "code" in text else text.replace("name", "code"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def touch(bench: Bench) -> None:
    for path in [*bench.folder.glob("models/**/*"), *bench.folder.glob("seeds/*")]:
        os.utime(path)


def line_breaks(bench: Bench) -> None:
    path = bench.path("models/orders.sql")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\r\n", b"\n") if b"\r\n" in data else data.replace(b"\n", b"\r\n"))


def tools(bench: Bench) -> None:
    """The package as `deps` would have installed it; or not."""
    installed = bench.folder / "dbt_packages" / "tools"
    if installed.is_symlink() or installed.exists():
        shutil.rmtree(installed)
    else:
        shutil.copytree(bench.folder / "local" / "tools", installed)


def another_model(bench: Bench) -> None:
    text = "select * from {{ ref('orders') }} where {{ cents('1') }} > 0"
    present("models/extra/another.sql", text)(bench)


MUTATIONS: dict[str, Callable[[Bench], None]] = {
    "nothing": lambda bench: None,
    "touch": touch,
    "same size and time": same_size_and_time,
    "line breaks": line_breaks,
    "byte order mark": toggled("models/rich.sql", "select", "\ufeffselect"),
    "model text": toggled("models/rich.sql", "from", ", 1 as one from"),
    "model config": toggled("models/staging/stg_orders.sql", "tags=['hot']", "tags=['cold'], schema='other'"),
    "model refs": toggled("models/orders.sql", "ref('stg_orders')", "ref('people', v=1)"),
    "model enabled": toggled("models/hidden.sql", "enabled=false", "tags=[]"),
    "what it needs": present("models/nothing.sql", "select 1 as id"),
    "a model breaks": toggled("models/rich.sql", "{{ ref('countries') }}", "{{ ref('countris') }}"),
    "a model is no Jinja": toggled("models/clock.sql", "select", "{% if %} select"),
    "a model asks for the time": toggled("models/clock.sql", "as two", "as two, '{{ run_started_at }}' as at"),
    "another model": another_model,
    "a model moves": moved("models/rich.sql", "models/staging/rich.sql"),
    "a model is called otherwise": moved("models/clock.sql", "models/watch.sql"),
    "a version goes": present("models/people_v1.sql", PROJECT["models/people_v1.sql"]),
    "latest version": toggled("models/schema.yml", "latest_version: 2", "latest_version: 1"),
    "description": toggled("models/schema.yml", "description: money", "description: coins"),
    "data tests": toggled("models/schema.yml", "[not_null, ", "[not_null, unique, "),
    "test arguments": toggled("models/schema.yml", "least: 3", "least: 4"),
    "group": toggled("models/schema.yml", "owner: {name: us}", "owner: {name: them}"),
    "exposure": toggled("models/schema.yml", "type: dashboard", "type: notebook"),
    "yaml breaks": toggled("models/schema.yml", "version: 2", "version: [2"),
    "another properties file": present("models/more.yml", "models: [{name: rich, description: very}]\n"),
    "source": toggled("models/sources.yml", "raw_{{", "rough_{{"),
    "docs": toggled("models/docs.md", "All orders.", "Some orders."),
    "another doc": present("models/more.md", "{% docs more %}x{% enddocs %}"),
    "unit test": toggled("models/unit.yml", "amount: 1", "amount: 2"),
    "fixture": toggled("tests/fixtures/some_orders.csv", "1,x", "2,y"),
    "seed": toggled("seeds/countries.csv", "Germany", "Deutschland"),
    "another seed": present("seeds/cities.csv", "id\n1\n"),
    "snapshot": toggled("snapshots/history.sql", "check_cols='all'", "check_cols=['name']"),
    "described snapshot": toggled("snapshots/more.yml", "ref('rich')", "ref('orders')"),
    "singular test": toggled("tests/no_orders.sql", "false", "true"),
    "analysis": toggled("analyses/look.sql", "orders", "rich"),
    "generic test": toggled("tests/generic/at_least.sql", "<", "<="),
    "macro": toggled("macros/cents.sql", "rounded(column)", "rounded(column) ~ ref('countries')"),
    "macro of a macro": toggled("macros/rounded.sql", "round(", "{% do config(meta={'x': 1}) %} round("),
    "a model of a plain file": toggled("models/plain/alpha.sql", "select", "select distinct"),
    "a plain file": toggled("models/plain/plain.yml", "its key", "its first key"),
    "tests of a plain file": toggled("models/plain/plain.yml", "[unique]", "[unique, not_null]"),
    "severity of a test": toggled("models/plain/plain.yml", "severity: warn", "severity: error"),
    "group of a plain file": toggled("models/plain/plain.yml", "group: finance", "tags: [free]"),
    "group of its models": toggled("models/plain/beta.sql", "select '", "{{ config(group='finance') }} select '"),
    "a plain file moves": moved("models/plain/plain.yml", "models/simple.yml"),
    "a described model goes": present("models/plain/alpha.sql", PROJECT["models/plain/alpha.sql"]),
    "a described model is called otherwise": moved("models/plain/beta.sql", "models/plain/gamma.sql"),
    "a described version goes": present("models/plain/crew_v1.sql", PROJECT["models/plain/crew_v1.sql"]),
    "the version of a ref": toggled("models/plain/crew_v2.sql", "v=1", "v=2"),
    "the plain name of a version": moved("models/plain/crew_v2.sql", "models/plain/crew.sql"),
    "the same name in a package": present("dbt_packages/tools/models/alpha.sql", "select 3 as id"),
    "a doc of a plain file": toggled("models/plain/plain.md", "The first", "The second"),
    "a doc goes": present("models/plain/plain.md", PROJECT["models/plain/plain.md"]),
    "a doc hides another": present("dbt_packages/tools/models/alpha.md", "{% docs alpha %}Theirs.{% enddocs %}"),
    "environment of one model": environment("HW_TEST_BETA", "beta"),
    "variable of one model": option("vars", {"beta": "other"}),
    "variable of one test": option("vars", {"floor": 7}),
    "a macro of a test records": toggled("macros/guard.sql", "--", "{{ config(limit=5) }} --"),
    "arguments of a test's macro": toggled("tests/generic/guarded.sql", "floor)", "floor=1, other=2)"),
    "a macro asks for a config": toggled("macros/guard.sql", "-- {{", "-- {{ config.get('own') }} {{"),
    "a config that a macro asks for": toggled("models/plain/alpha.sql", "select", "{{ config(own=1) }} select"),
    "a macro that hides another": present("macros/hides.sql", "{% macro is_incremental() %}{{ true }}{% endmacro %}"),
    "a macro of a package hides": present(
        "dbt_packages/tools/macros/schema.sql",
        "{% macro generate_alias_name(custom, node) %}x_{{ node.name }}{% endmacro %}",
    ),
    "naming": toggled("macros/names.sql", "custom or 'x'", "custom or 'y'"),
    "semantic model": toggled("models/semantic.yml", "expr: code", "expr: name"),
    "a model of a plain file is a semantic model": toggled(
        "models/plain/off.yml",
        "- name: delta",
        "- semantic_model: {name: rows}\n    primary_entity: day\n    name: delta",
    ),
    "semantic model goes": present("models/semantic.yml", PROJECT["models/semantic.yml"]),
    "a test of a source": toggled("models/sources.yml", "[not_null]", "[not_null, unique]"),
    "macro properties": toggled("macros/macros.yml", "of money", "of cash"),
    "schema names": present(
        "macros/names.sql",
        "{% macro generate_schema_name(custom, node) %}{{ target.schema }}_{{ custom or 'x' }}{% endmacro %}",
    ),
    "a macro hides ref": present(
        "macros/ref.sql", "{% macro ref() %}{% do return(builtins.ref(*varargs, **kwargs)) %}{% endmacro %}"
    ),
    "a warning": present("macros/warn.sql", "{% macro rounded_up() %}{% endmacro %}"),
    "a model warns": toggled("models/rich.sql", "select", "{{ exceptions.warn('beware') }} select"),
    "project config": toggled("dbt_project.yml", "+materialized: view", "+materialized: table"),
    "project variable": toggled("dbt_project.yml", "start: '2020-01-01'", "start: '2021-01-01'"),
    "project hook": toggled("dbt_project.yml", 'on-run-end: ["select 1"]', 'on-run-end: ["select 2"]'),
    "model paths": toggled("dbt_project.yml", "version: '1.0'", "version: '1.0'\nmodel-paths: [models, additional]"),
    "additional folder": present("additional/added.sql", "select 1 as id"),
    "dispatch": toggled(
        "dbt_project.yml",
        "version: '1.0'",
        "dispatch: [{macro_namespace: tools, search_order: [shop, tools]}]\nversion: '1.0'",
    ),
    "project file asks": toggled(
        "dbt_project.yml", "+tags: [staged]", "+tags: [\"{{ env_var('HW_TEST_TAG', 'staged') }}\"]"
    ),
    "its variable": environment("HW_TEST_TAG", "late"),
    "profile schema": toggled("profiles.yml", '"schema": "main"', '"schema": "second"'),
    "target": option("target", "prod"),
    "used variable": option("vars", {"start": "2024-01-01"}),
    "switching variable": option("vars", {"items": False}),
    "variable in yaml": option("vars", {"owner": "somebody"}),
    "unused variable": option("vars", {"unused": 2}),
    "environment in a model": environment("HW_TEST_REGION", "eu"),
    "environment in a config": environment("HW_TEST_KIND", "view"),
    "environment in yaml": environment("HW_TEST_TEAM", "some"),
    "unused environment": environment("HW_TEST_NOT_USED", "1"),
    "vars.yml": present(".env", "HW_TEST_REGION=us\n"),
    "package goes": tools,
    "package macro": toggled("dbt_packages/tools/macros/twice.sql", "* {{", "+ {{"),
    "package variable": toggled("dbt_packages/tools/dbt_project.yml", "factor: 2", "factor: 3"),
    "selectors": toggled("selectors.yml", "value: hot", "value: cold"),
    ".dbtignore": present(".dbtignore", "rich.sql\nunit.yml\nmore.yml\n"),
    "the saved state is cut off": lambda bench: truncate(bench, 0.5),
    "the saved state is empty": lambda bench: truncate(bench, 0.0),
    "the saved state is damaged": lambda bench: damage(bench),
    "the saved state is gone": lambda bench: bench.path("target/partial_parse.bin").unlink(missing_ok=True),
}


def truncate(bench: Bench, part: float) -> None:
    path = bench.path("target/partial_parse.bin")
    if path.exists():
        os.truncate(path, int(path.stat().st_size * part))


def damage(bench: Bench) -> None:
    path = bench.path("target/partial_parse.bin")
    if path.exists() and path.stat().st_size > 100:
        data = bytearray(path.read_bytes())
        data[len(data) * 2 // 3] ^= 0x55
        path.write_bytes(data)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    outputs = {name: {"type": "duckdb", "path": str(tmp_path / "db"), "schema": "main"} for name in ("dev", "prod")}
    profiles = json.dumps({"shop": {"target": "dev", "outputs": outputs}})
    write_project(tmp_path, {**PROJECT, "profiles.yml": profiles}, {})
    made = Bench(tmp_path)
    tools(made)
    before = dict(os.environ)
    yield made
    os.environ.clear()
    os.environ.update(before)


def test_a_warm_parse_gives_what_a_cold_one_gives(bench: Bench):
    chance = random.Random(int(os.environ.get("HEADWATER_TEST_SEED", "1")))
    first, _ = bench.warm()
    assert "model.shop.orders" in first["nodes"], first
    partly = 0
    names = [*MUTATIONS, *chance.choices(list(MUTATIONS), k=10)]
    chance.shuffle(names)
    done: list[str] = []
    anew: list[str] = []

    def compare() -> bool:
        nonlocal partly
        warm, warm_told = bench.warm()
        partly += any("nodes built anew" in why for why in bench.why)
        anew.extend(why for why in bench.why if why.startswith("Unable"))
        cold, cold_told = bench.cold()
        assert warm == cold, f"after {done[-5:]}"
        assert warm_told == cold_told, f"after {done[-5:]}"
        return "nodes" in warm

    for name in names:
        MUTATIONS[name](bench)
        done.append(name)
        if not compare():
            # What does not parse is mended, so that what follows is compared with a parse that was kept.
            MUTATIONS[name](bench)
            done.append(name)
            compare()
    assert partly >= 50, f"most changes need no cold parse: {anew}"


ALPHA = {"test.shop.unique_alpha_id", "test.shop.not_null_alpha_id"}
BETA = {"test.shop.at_least_beta_id__3", "test.shop.guarded_beta__var_floor_1_"}
#: What a file describes that uses another doc.
SCHEMA = {"model.shop.orders", "model.shop.people"}
#: What each change builds anew, the changes made one after the other; none where it is everything. The tests of one
#: entry of a properties file are built together.
BUILT: list[tuple[str, set[str] | None]] = [
    ("model text", {"model.shop.rich"}),
    ("model text", {"model.shop.rich"}),
    ("a model of a plain file", {"model.shop.alpha", *ALPHA}),
    ("environment of one model", {"model.shop.beta", *BETA}),
    ("variable of one test", BETA),
    ("another model", {"model.shop.another"}),
    ("macro of a macro", {"model.shop.stg_orders", "model.shop.another", "model.shop.alpha", *ALPHA}),
    ("project config", None),
    ("schema names", None),
    ("fixture", set()),
    ("semantic model", {"model.shop.days"}),
    (
        "a doc of a plain file",
        {"model.shop.alpha", "model.shop.beta", "model.shop.crew", "seed.shop.countries", *SCHEMA},
    ),
    ("seed", {"seed.shop.countries", "test.shop.unique_countries_code"}),
    ("snapshot", {"snapshot.shop.history"}),
    ("analysis", {"analysis.shop.look"}),
    ("singular test", {"test.shop.no_orders"}),
    ("package macro", {"model.shop.clock", "model.tools.tool"}),
    ("a model moves", {"model.shop.rich"}),
    ("a model asks for the time", {"model.shop.clock"}),
    ("nothing", {"model.shop.clock"}),
    ("a model of a plain file", {"model.shop.alpha", "model.shop.clock", *ALPHA}),
    ("a model is no Jinja", None),
    ("a model is no Jinja", {"model.shop.clock"}),
    ("a described version goes", None),
    ("a described version goes", {"model.shop.clock"}),
]


def test_only_what_depends_on_a_change_is_built_anew(bench: Bench):
    bench.warm()
    off = {"test.shop.relationships_delta_id__id__ref_nothing_"}
    read = {"models/schema.yml", "models/semantic.yml", "models/sources.yml", "models/unit.yml", "macros/macros.yml"}
    for name, expected in BUILT:
        MUTATIONS[name](bench)
        bench.warm()
        got = bench.built() - off if any("nodes built anew" in why for why in bench.why) else None
        if got and name.startswith("a doc"):
            got = {id for id in got if not id.startswith("test.")}
        assert got == expected, f"{name}: {bench.why}"
        if name in ("model text", "another model", "analysis"):
            # What says more than what nodes are like is always read, and what has a test that is switched off.
            assert bench.listed("Partial parsing: read anew: ") == {*read, "models/plain/off.yml"}


def test_the_events_say_which_files_have_changed(bench: Bench):
    bench.warm()
    bench.replace("models/rich.sql", "code", "name")
    bench.path("analyses/look.sql").unlink()
    bench.write("models/fresh.sql", "select 1 as id")
    bench.warm()
    data = [data for name, data in bench.events if name == "PartialParsingEnabled"]
    assert [{key: each[key] for key in ("deleted", "added", "changed")} for each in data] == [
        {"deleted": 1, "added": 1, "changed": 1}
    ]
    files = {(data["operation"], data["file_id"]) for name, data in bench.events if name == "PartialParsingFile"}
    assert files == {
        ("deleted", "shop://analyses/look.sql"),
        ("added", "shop://models/fresh.sql"),
        ("updated", "shop://models/rich.sql"),
    }


def test_nodes_that_are_taken_over_keep_their_time(bench: Bench):
    def times() -> dict[str, float]:
        bench.warm()
        manifest = json.loads(bench.path("target/manifest.json").read_text())
        return {id: node["created_at"] for id, node in manifest["nodes"].items()}

    before = times()
    bench.replace("models/rich.sql", "code", "name")
    after = times()
    assert [id for id in before if before[id] != after[id] and not id.startswith("test.")] == ["model.shop.rich"]


def reasons(bench: Bench) -> str:
    bench.warm()
    return " ".join(bench.why)


def test_the_log_says_why_a_project_is_parsed_anew(bench: Bench):
    assert "there is no saved state" in reasons(bench)
    assert "nothing has changed" in reasons(bench)
    bench.replace("models/rich.sql", "code", "name")
    assert "0 files deleted, 0 files added, 1 files changed." in reasons(bench)
    bench.options["vars"] = {"start": "2022-02-02"}
    assert "variable `start` has changed" in reasons(bench)
    bench.options["vars"] = {"start": "2022-02-02", "unused": 3}
    assert "nothing has changed" in reasons(bench), "nobody has looked at it"
    os.environ["HW_TEST_REGION"] = "eu"
    assert "environment variable `HW_TEST_REGION` has changed" in reasons(bench)
    bench.replace("dbt_project.yml", "view", "table")
    assert "dbt_project.yml of `shop` has changed" in reasons(bench)
    shutil.rmtree(bench.folder / "dbt_packages" / "tools")
    bench.write("packages.yml", "packages: []\n")
    assert "other packages are installed" in reasons(bench)
    truncate(bench, 0.2)
    assert "the saved state is damaged" in reasons(bench)


def test_a_date_that_comes_is_told_of(bench: Bench):
    """Nothing has changed but the time."""
    date = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=3)
    bench.write("models/late.sql", "select 1 as id")
    bench.write("models/late.yml", f"models: [{{name: late, deprecation_date: '{date:%Y-%m-%d %H:%M:%S}+00:00'}}]")
    assert "past its deprecation date" not in str(bench.warm()[1])
    time.sleep(max(0.0, (date - dt.datetime.now(dt.timezone.utc)).total_seconds()) + 1)
    assert "past its deprecation date" in str(bench.warm()[1])


def test_no_secret_is_kept(bench: Bench):
    os.environ["DBT_ENV_SECRET_WORD"] = "xyzzy-secret"
    os.environ["HW_TEST_REGION"] = "plugh-region"
    output = {"type": "mysql", "host": "frobozz", "user": "me", "schema": "main"}
    output["password"] = "{{ env_var('DBT_ENV_SECRET_WORD') }}-frotz-token"
    bench.write("profiles.yml", json.dumps({"shop": {"target": "dev", "outputs": {"dev": output}}}))
    manifest, _ = bench.warm()
    assert "nodes" in manifest, manifest
    kept = bench.path("target/partial_parse.bin").read_bytes()
    assert b"stg_orders" in kept
    for word in (b"xyzzy-secret", b"frotz-token", b"plugh-region"):
        assert word not in kept


def test_the_flags(bench: Bench):
    first, _ = bench.parse()
    bench.parse("--no-partial-parse")
    assert "switched off" in " ".join(bench.why)
    kept = bench.path("elsewhere/state.bin")
    shutil.copy(bench.path("target/partial_parse.bin"), kept)
    again, _ = bench.parse("--partial-parse-file-path", str(kept), target="fresh")
    assert again == first
    assert "nothing has changed" in " ".join(bench.why)
    # Without a look at the files, new ones do not count; what is not a file does.
    bench.write("models/newcomer.sql", "select 1 as id")
    assumed, _ = bench.parse("--no-partial-parse-file-diff")
    assert assumed == first
    found, _ = bench.parse()
    assert "model.shop.newcomer" in found["nodes"]


def test_a_target_folder_that_cannot_be_written_fails_nothing(bench: Bench):
    bench.path("target/partial_parse.bin").mkdir(parents=True)
    manifest, _ = bench.warm()
    assert "model.shop.orders" in manifest["nodes"]


def test_other_commands_take_the_parse_of_the_first(bench: Bench):
    project = hw.Project(bench.folder, profiles_dir=bench.folder)
    listed = project.ls()
    assert project.ls() == listed
    project.compile("stg_orders", threads=3)
    log = bench.path("logs/dbt.log").read_text()
    assert log.count("Unable to do partial parsing because") == 1
    assert log.count("nothing has changed") == 2
    project.compile("stg_orders", full_refresh=True)
    assert "`flags.FULL_REFRESH` has changed" in bench.path("logs/dbt.log").read_text()
    bench.write("models/new.sql", "select 1 as id")
    assert "shop.new" in project.ls()
    assert project.run("new")["new"].status == "success"
    bench.write("models/new.sql", "select nope")
    assert project.run("new")["new"].status == "error"
