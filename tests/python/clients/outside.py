"""The other programs that read our files and run our command, each in an environment of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
#: What dbt and Airflow would tell somebody about us, and look up on the network.
QUIET = {"DO_NOT_TRACK": "1", "SCARF_NO_ANALYTICS": "1", "AIRFLOW_SCARF_ANALYTICS": "False"}

#: Runs the Python of a client with these arguments, in the folder `cwd`.
Python = Callable[..., subprocess.CompletedProcess[str]]


def python_of(client: str) -> Python:
    """Runs the Python of a client's environment. `none` says that it cannot be had here; `make test` then says so."""
    variable = f"HEADWATER_TEST_{client.upper()}"
    python = os.environ.get(variable) or str(REPOSITORY / f".venv-{client}" / "bin" / "python")
    if python == "none":
        pytest.skip(f"{client} could not be installed here")
    if not Path(python).exists():
        pytest.fail(f"no {client}: there is no {python}; `make clients` installs it")

    def run(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        paths = {"PATH": f"{Path(python).parent}:{os.environ['PATH']}", "HOME": str(cwd)}
        line = [python, *args]
        return subprocess.run(
            line, cwd=cwd, env={**os.environ, **QUIET, **paths, **env}, capture_output=True, text=True
        )

    return run
