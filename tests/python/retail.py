"""The scripts of a retail chain's project whose results dbt itself has given, where a checkout has it beside itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, Warehouse

RETAIL = Path(os.environ.get("HEADWATER_RETAIL", REPOSITORY.parent / "shared" / "retail"))
SIZE = ["--stores", "3", "--orders-per-store", "200", "--days", "30", "--seed", "7"]

needs_retail = pytest.mark.skipif(
    not RETAIL.exists(), reason=f"the retail project is not at {RETAIL}: HEADWATER_RETAIL names its folder"
)


def tool(script: str, warehouse: Warehouse, *more: str) -> str:
    """Run one of the project's scripts against the database."""
    where = ["duckdb", str(warehouse.path)]
    login = []
    if warehouse.kind != "duckdb":
        where = ["mysql", f"unix:{warehouse.address['unix_socket']}"]
        login = ["--user", warehouse.address["user"], "--password", ""]
    command = [sys.executable, str(RETAIL / script), "--target", where[0], "--dsn", where[1], *login, *more]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def fingerprints(warehouse: Warehouse, schemas: list[str]) -> dict[str, str]:
    """Relation name → checksum; the names are unique over the schemas."""
    relations = json.loads(tool("fingerprint.py", warehouse, "--schemas", ",".join(schemas)))["relations"]
    return {name.split(".")[1]: relation["checksum"] for name, relation in relations.items()}


def expected(warehouse: Warehouse, day: int) -> dict[str, str]:
    engine = "duckdb" if warehouse.kind == "duckdb" else "mariadb"
    relations = json.loads((RETAIL / "expected" / f"{engine}-day{day}.json").read_text())["relations"]
    return {name.split(".")[1]: relation["checksum"] for name, relation in relations.items()}


def copied(folder: Path) -> Path:
    """The project in `folder`/project, with the package that it needs beside it."""
    shutil.copytree(RETAIL / "project", folder / "project")
    shutil.copytree(RETAIL / "dbt_utils", folder / "dbt_utils")
    for path in [folder / "project", *(folder / "project").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder / "project"
