"""The names that dbt offers, read from an installed dbt-core and printed as JSON: names only, section by section.

tests/compatibility/dbt.json is what this prints with the dbt of `.venv-dbt`; a test checks that it still is. Run it as
`.venv-dbt/bin/python tests/compatibility/surface.py > tests/compatibility/dbt.json`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import click
import dbt.include.global_project
import jinja2
from dbt.cli.main import cli
from dbt_common.clients.jinja import get_environment


def commands() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in cli.commands.items():
        for sub, inner in getattr(command, "commands", {"": command}).items():
            found[f"{name} {sub}".strip()] = inner
    return dict(sorted(found.items()))


def flags() -> dict[str, dict[str, Any]]:
    """Each flag: its other spellings, its environment variables, whether it takes a value, and its commands."""
    found: dict[str, dict[str, Any]] = {}
    for name, command in commands().items():
        for option in command.params:
            if not isinstance(option, click.Option) or option.name in ("help", "version"):
                continue
            long, *more = [spelling for spelling in [*option.opts, *option.secondary_opts] if spelling[:2] == "--"]
            short = [spelling for spelling in option.opts if spelling[:2] != "--"]
            env = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
            takes_value = not (option.is_flag or option.count)
            entry = found.setdefault(long, {"also": set(), "env": sorted(env), "value": takes_value, "commands": []})
            entry["also"] |= {*more, *short}
            entry["commands"].append(name)
    for entry in found.values():
        entry["also"] = sorted(entry["also"])
        if len(entry["commands"]) == len(commands()):
            entry["commands"] = "all"
    return dict(sorted(found.items()))


#: What dbt keeps in its objects and never writes.
UNWRITTEN = {
    "config_call_dict", "unrendered_config_call_dict", "defer_relation", "defer_function", "loaded_at_field_present",
}  # fmt: skip


def fields(path: str) -> list[str]:
    """The keys of a dataclass, as YAML and JSON spell them."""
    module, name = path.rsplit(".", 1)
    names = {field.name for field in dataclasses.fields(getattr(importlib.import_module(module), name))}
    names = {name for name in names if not name.startswith("_")} - UNWRITTEN
    return sorted(re.sub("^(pre|post)_hook$", r"\1-hook", name) for name in names)


CONFIGS = {
    "model": "dbt.artifacts.resources.ModelConfig",
    "seed": "dbt.artifacts.resources.SeedConfig",
    "snapshot": "dbt.artifacts.resources.SnapshotConfig",
    "data test": "dbt.artifacts.resources.TestConfig",
    "source": "dbt.artifacts.resources.SourceConfig",
    "exposure": "dbt.artifacts.resources.ExposureConfig",
    "unit test": "dbt.artifacts.resources.UnitTestConfig",
    "function": "dbt.artifacts.resources.FunctionConfig",
    "metric": "dbt.artifacts.resources.MetricConfig",
    "semantic model": "dbt.artifacts.resources.SemanticModelConfig",
    "saved query": "dbt.artifacts.resources.SavedQueryConfig",
    "group": "dbt.artifacts.resources.v1.group.GroupConfig",
    "macro": "dbt.artifacts.resources.v1.macro.MacroConfig",
}

#: Configs that macros of dbt read by name, beside those of its classes.
MACRO_CONFIGS = [
    "incremental_predicates", "indexes", "merge_exclude_columns", "merge_update_columns", "predicates", "sql_header",
]  # fmt: skip

ARTIFACTS = {
    "manifest.json": "dbt.artifacts.schemas.manifest.WritableManifest",
    "manifest.json metadata": "dbt.artifacts.schemas.manifest.ManifestMetadata",
    "manifest.json model": "dbt.artifacts.resources.Model",
    "manifest.json seed": "dbt.artifacts.resources.Seed",
    "manifest.json snapshot": "dbt.artifacts.resources.Snapshot",
    "manifest.json singular test": "dbt.artifacts.resources.SingularTest",
    "manifest.json generic test": "dbt.artifacts.resources.GenericTest",
    "manifest.json analysis": "dbt.artifacts.resources.Analysis",
    "manifest.json operation": "dbt.artifacts.resources.HookNode",
    "manifest.json source": "dbt.artifacts.resources.SourceDefinition",
    "manifest.json exposure": "dbt.artifacts.resources.Exposure",
    "manifest.json macro": "dbt.artifacts.resources.Macro",
    "manifest.json doc": "dbt.artifacts.resources.Documentation",
    "manifest.json group": "dbt.artifacts.resources.Group",
    "manifest.json unit test": "dbt.artifacts.resources.UnitTestDefinition",
    "manifest.json function": "dbt.artifacts.resources.Function",
    "manifest.json metric": "dbt.artifacts.resources.Metric",
    "manifest.json semantic model": "dbt.artifacts.resources.SemanticModel",
    "manifest.json saved query": "dbt.artifacts.resources.SavedQuery",
    "manifest.json column": "dbt.artifacts.resources.ColumnInfo",
    "run_results.json": "dbt.artifacts.schemas.run.RunResultsArtifact",
    "run_results.json metadata": "dbt.artifacts.schemas.run.RunResultsMetadata",
    "run_results.json result": "dbt.artifacts.schemas.run.RunResultOutput",
    "catalog.json": "dbt.artifacts.schemas.catalog.CatalogArtifact",
    "catalog.json metadata": "dbt.artifacts.schemas.catalog.CatalogMetadata",
    "catalog.json table": "dbt.artifacts.schemas.catalog.CatalogTable",
    "catalog.json table metadata": "dbt.artifacts.schemas.catalog.TableMetadata",
    "catalog.json column": "dbt.artifacts.schemas.catalog.ColumnMetadata",
    "catalog.json stat": "dbt.artifacts.schemas.catalog.StatsItem",
    "sources.json": "dbt.artifacts.schemas.freshness.FreshnessExecutionResultArtifact",
    "sources.json metadata": "dbt.artifacts.schemas.freshness.FreshnessMetadata",
    "sources.json result": "dbt.artifacts.schemas.freshness.SourceFreshnessOutput",
    "sources.json failure": "dbt.artifacts.schemas.freshness.SourceFreshnessRuntimeError",
}


def contexts() -> dict[str, list[str]]:
    """The names that templates see, each under the first context that has it."""
    from dbt.context import base, providers, target

    found: dict[str, list[str]] = {}
    for where, kind in {
        "everywhere": base.BaseContext,
        "in every file of the project": target.TargetContext,
        "in nodes, macros and hooks": providers.ModelContext,
    }.items():
        known = {name for names in found.values() for name in names}
        found[where] = sorted({name for name in kind._context_members_ if not name.startswith("_")} - known)
    # Added by name, outside of the classes.
    found["everywhere"] = sorted({*found["everywhere"], "builtins"})
    found["in nodes, macros and hooks"] = sorted({*found["in nodes, macros and hooks"], "context"})
    found["in on-run-end"] = ["database_schemas", "results", "schemas"]
    return found


def members() -> dict[str, list[str]]:
    """What templates can reach of each object."""
    from dbt.adapters.base import BaseRelation, Column
    from dbt.adapters.contracts.connection import AdapterResponse
    from dbt.adapters.sql import SQLAdapter
    from dbt.context import exceptions_jinja, providers

    def public(kind: type) -> set[str]:
        of_data = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
        return {name for name in {*dir(kind), *of_data} if not name.startswith("_")} - INTERNAL

    exceptions = {
        name
        for name, of in vars(exceptions_jinja).items()
        if inspect.isfunction(of) and of.__module__ == exceptions_jinja.__name__
    }
    found = {
        "adapter": {*SQLAdapter._available_, *public(providers.BaseDatabaseWrapper), "Relation"},
        "config": public(providers.RuntimeConfigObject),
        "Relation": public(BaseRelation),
        "Column": public(Column),
        "response": public(AdapterResponse),
        "exceptions": exceptions - {"wrap", "wrapped_exports", "wrapper"},
    }
    return {name: sorted(names) for name, names in found.items()}


#: Methods that all classes of dbt have for their own work.
INTERNAL = {
    "from_dict", "to_dict", "validate", "json_schema", "to_msgpack", "from_msgpack", "field_mapping", "deepcopy",
    "replace", "get_default_quote_policy", "get_default_include_policy", "get_relation_type_default",
    "ADDITIONAL_PROPERTIES", "Config", "fields", "model", "context_config", "TYPE_LABELS",
}  # fmt: skip


def macros() -> list[str]:
    """Every macro of package `dbt` with its parameters."""
    root = Path(inspect.getfile(dbt.include.global_project)).parent / "macros"
    environment = get_environment(None, capture_macros=True)
    found = []
    for path in sorted(root.rglob("*.sql")):
        for node in environment.parse(path.read_text()).find_all(jinja2.nodes.Macro):
            name = node.name.removeprefix("dbt_macro__")
            if not re.match(r"(materialization_|default__|test_)", name):
                found.append(f"{name}({', '.join(argument.name for argument in node.args)})")
    return sorted(found)


def materializations() -> list[str]:
    root = Path(inspect.getfile(dbt.include.global_project)).parent / "macros"
    text = "".join(path.read_text() for path in sorted(root.rglob("*.sql")))
    return sorted({*re.findall(r"{%-?\s*materialization\s+(\w+)", text), "ephemeral"})


def tests() -> list[str]:
    root = Path(inspect.getfile(dbt.include.global_project)).parent
    text = "".join(path.read_text() for path in sorted(root.rglob("*.sql")))
    return sorted(set(re.findall(r"{%-?\s*test\s+(\w+)", text)))


def events() -> dict[str, list[str]]:
    """Events by the part of dbt that fires them: `code Name`."""
    found = {}
    for part, module in [
        ("dbt-core", "dbt.events.types"),
        ("adapters", "dbt.adapters.events.types"),
        ("common", "dbt_common.events.types"),
    ]:
        names = []
        for name, kind in vars(importlib.import_module(module)).items():
            if inspect.isclass(kind) and kind.__module__ == module and hasattr(kind, "code"):
                try:
                    names.append(f"{kind.code(None)} {name}")
                except Exception:
                    continue
        found[part] = sorted(names)
    return found


def selectors() -> dict[str, list[str]]:
    from dbt.graph.selector_methods import MethodName, StateSelectorMethod

    source = inspect.getsource(StateSelectorMethod.search)
    state = sorted(set(re.findall(r'"((?:un)?modified[.a-z_]*|new|old)"', source)))
    return {"methods": sorted(method.value for method in MethodName), "state": state}


def surface() -> dict[str, Any]:
    environment = get_environment(None)
    return {
        "dbt": importlib.import_module("dbt.version").__version__,
        "commands": list(commands()),
        "flags": flags(),
        "selectors": selectors(),
        "configs": {name: fields(path) for name, path in CONFIGS.items()} | {"read by macros": MACRO_CONFIGS},
        "project flags": fields("dbt.contracts.project.ProjectFlags"),
        "contexts": contexts(),
        "members": members(),
        "filters": sorted(environment.filters),
        "jinja tests": sorted(environment.tests),
        "jinja functions": sorted(environment.globals),
        "macros": macros(),
        "materializations": materializations(),
        "generic tests": tests(),
        "artifacts": {name: fields(path) for name, path in ARTIFACTS.items()},
        "events": events(),
    }


def write(value: Any, indent: str = "\n") -> str:
    """JSON with a line for each innermost list or object."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    if not isinstance(value, dict) or not any(isinstance(item, (dict, list)) for item in inner) or "also" in value:
        return json.dumps(value)
    lines = [f"{indent} {json.dumps(name)}: {write(item, indent + ' ')}" for name, item in value.items()]
    return "{" + ",".join(lines) + indent + "}"


if __name__ == "__main__":
    print(write(surface()))
