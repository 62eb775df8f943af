"""Airflow by way of Cosmos: DAGs from our manifest and from our `ls`, and tasks that run our command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from outside import REPOSITORY, python_of

EXAMPLE = REPOSITORY / "examples" / "retail"
#: No database of Airflow's own, nothing of its examples, nothing told to anybody.
AIRFLOW = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__COSMOS__ENABLE_CACHE": "False",
    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Cosmos made of the example project, and how some of its tasks ended."""
    airflow = python_of("airflow")
    folder = tmp_path_factory.mktemp("cosmos")
    project = folder / "retail"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb*"))
    database = folder / "shops.duckdb"
    generate = [sys.executable, str(EXAMPLE / "generate_shops.py"), "--duckdb", str(database), "--stores", "3"]
    subprocess.run(generate, check=True, capture_output=True)
    # Cosmos calls one program: the command of the Python that runs these tests.
    headwater = Path(sys.executable).parent / "headwater"
    assert headwater.exists(), "the wheel is not installed"
    environment = {"SHOPS_DUCKDB": str(database), "AIRFLOW_HOME": str(folder / "airflow"), **AIRFLOW}
    subprocess.run([str(headwater), "parse"], cwd=project, check=True, capture_output=True)
    tasks = ["stores_seed", "dim_stores.run", "stg_products.run", "stg_products.test"]
    script = str(Path(__file__).parent / "cosmos_dag.py")
    done = airflow(script, str(project), str(headwater), *tasks, cwd=folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"log": done.stdout + done.stderr}


def test_the_manifest_and_ls_give_the_same_tasks(told: dict[str, Any]):
    assert told["dbt_manifest"] == told["dbt_ls"]
    tasks = told["dbt_ls"]
    assert {"stores_seed", "dim_stores.run", "dim_stores.test", "snap_customers.snapshot"} <= tasks.keys()
    assert "dim_customers.run" in tasks["dim_stores.test"]
    assert len(tasks) > 20


def test_tasks_run_our_command(told: dict[str, Any]):
    ran = told["ran"]
    assert set(ran.values()) == {"ok"}, f"{ran}\n{told['log']}"
    assert len(ran) == 4
