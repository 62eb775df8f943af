"""A retail chain's project: two days of it give what dbt gives."""

from __future__ import annotations

import json

import headwater as hw
import pytest
from conftest import Warehouse
from retail import SIZE, copied, expected, fingerprints, needs_retail, tool

pytestmark = needs_retail


def test_two_days_give_what_dbt_gives(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(warehouse.folder)
    schemas = [f"{warehouse.schema}_dw", f"{warehouse.schema}_staging"]
    output = warehouse.output | {"schema": schemas[1], "threads": 8}
    (folder / "profiles.yml").write_text(json.dumps({"retail": {"target": "test", "outputs": {"test": output}}}))
    monkeypatch.setenv("DBT_UTILS_DIR", str(warehouse.folder / "dbt_utils"))
    prefix = f"{warehouse.schema}_store"
    variables = {"source_schema": prefix, "target_schema": schemas[0], "staging_schema": schemas[1]}

    tool("generate.py", warehouse, "--prefix", prefix, *SIZE)
    assert hw.Runner().invoke(["deps", "--project-dir", str(folder), "--profiles-dir", str(folder)]).success
    project = hw.Project(folder, vars=variables)
    results = project.build()
    assert results.success, results
    assert fingerprints(warehouse, schemas) == expected(warehouse, 1)

    tool("generate.py", warehouse, "--prefix", prefix, "--advance-day")
    results = project.build()
    assert results.success, results
    assert fingerprints(warehouse, schemas) == expected(warehouse, 2)
    assert {result.status for result in project.source_freshness()} == {"warn"}
