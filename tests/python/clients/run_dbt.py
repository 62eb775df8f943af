"""Runs commands with dbt itself, in the Python that dbt is installed in: `run_dbt.py LINES`.

LINES is JSON: a list of `{"args": […], "keep": "folder"}`. After each, the artifacts in the target folder are copied to
`keep`. Prints a JSON list of `{"success": …, "exception": …}`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner


def main() -> None:
    told = []
    for line in json.loads(sys.argv[1]):
        result = dbtRunner().invoke(line["args"])
        told.append({"success": result.success, "exception": result.exception and str(result.exception)})
        keep = Path(line["keep"])
        keep.mkdir(parents=True, exist_ok=True)
        for artifact in Path("target").glob("*.json"):
            shutil.copy(artifact, keep)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
