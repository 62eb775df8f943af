"""Makes DAGs of a project with Cosmos and runs some of their tasks: `cosmos_dag.py PROJECT HEADWATER TASK…`.

One DAG is made from our manifest, one from our `ls`. Prints JSON: the tasks of both with those that follow them, and
how the tasks ended that were run.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode


def dag(mode: LoadMode, project: Path, headwater: str) -> DbtDag:
    manifest = project / "target" / "manifest.json" if mode is LoadMode.DBT_MANIFEST else None
    return DbtDag(
        dag_id=f"shops_{mode.value}",
        start_date=datetime(2025, 1, 1),
        schedule=None,
        project_config=ProjectConfig(dbt_project_path=project, manifest_path=manifest, install_dbt_deps=False),
        profile_config=ProfileConfig(
            profile_name="shops", target_name="duckdb", profiles_yml_filepath=project / "profiles.yml"
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.LOCAL,
            dbt_executable_path=headwater,
            invocation_mode=InvocationMode.SUBPROCESS,
        ),
        render_config=RenderConfig(
            load_method=mode,
            dbt_executable_path=headwater,
            invocation_mode=InvocationMode.SUBPROCESS,
            emit_datasets=False,
        ),
        operator_args={"install_deps": False},
    )


def main() -> None:
    project, headwater, names = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    told: dict[str, Any] = {}
    for mode in (LoadMode.DBT_MANIFEST, LoadMode.DBT_LS):
        made = dag(mode, project, headwater)
        told[mode.value] = {task.task_id: sorted(task.downstream_task_ids) for task in made.tasks}
    told["ran"] = {}
    for name in names:
        try:
            made.get_task(name).execute({"run_id": "by hand"})
            told["ran"][name] = "ok"
        except Exception as error:
            told["ran"][name] = f"{type(error).__name__}: {error}"
    print(json.dumps(told))


if __name__ == "__main__":
    main()
