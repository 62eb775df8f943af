"""The recorded session of the documentation is what the command line prints today."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import EXAMPLE, REPOSITORY

PAGE = REPOSITORY / "docs" / "session.md"
MART = "models/marts/mart_product_sales.sql"

HEAD = """# A session

What the commands print for the example project, recorded by running them: a first build, a mistake, its mending, and
what else one asks for in a day. `HEADWATER_UPDATE_DOCS=1 python -m pytest tests/python/cli/test_session.py` records it
anew; a test fails when a command prints something else.
"""

#: A line of the page above the commands, the commands, and the exit code of the last of them.
STEPS: list[tuple[str, list[str], int]] = [
    (
        "Three shops with a month of orders, and a look at whether everything is in its place.",
        ["python generate_shops.py --duckdb shops.duckdb --stores 3", "headwater debug"],
        0,
    ),
    ("Everything once, in the order of the DAG.", ["headwater build --threads 1"], 0),
    ("What a selection means.", ["headwater ls --select +mart_daily_store_sales --resource-type model"], 0),
    (
        "Somebody mistypes a column. Only what has changed since the last build, and what is below it, is run.",
        [f"sed -i 's/l.quantity/l.quantty/' {MART}", "headwater run --select state:modified+ --threads 1"],
        1,
    ),
    (
        "Mended, and taken up where it failed.",
        [f"sed -i 's/l.quantty/l.quantity/' {MART}", "headwater retry --threads 1"],
        0,
    ),
    ("A look at the rows.", ["headwater show --quiet --select mart_daily_store_sales --limit 3"], 0),
    ("Whether the tills have delivered.", ["headwater source freshness --threads 1"], 0),
    ("The documentation, as one page.", ["headwater docs generate --threads 1"], 0),
]


def run(command: str, folder: Path) -> tuple[str, int]:
    """What a command prints and its exit code; `headwater` and `python` are those of this test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "SHOPS_"))}
    python = f'"{sys.executable}"'
    line = re.sub(r"^headwater ", f"{python} -m headwater ", re.sub(r"^python ", f"{python} ", command))
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env={**environment, "HOME": str(folder), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout, done.returncode


def record(folder: Path) -> str:
    """The page, from running every step in a copy of the example."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("target", "logs", ".headwater", "*.duckdb*"))
    parts = [HEAD]
    for title, commands, expected in STEPS:
        lines = []
        for command in commands:
            output, code = run(command, folder)
            assert code == (expected if command == commands[-1] else 0), output
            lines += [f"$ {command}", output.replace(str(folder), "/shops").rstrip()]
        text = "\n".join(line.rstrip() for line in "\n".join(filter(None, lines)).split("\n"))
        parts.append(f"{title}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def shape(page: str) -> list[str]:
    """The lines of the page without what differs from day to day and from machine to machine, their order included."""
    page = re.sub(r"(?m)^(Python|duckdb|.*[Vv]ersion|.*python).*$", "<versions>", page)
    return sorted(re.sub(r"[0-9.]+|[ -]{2,}", "#", page).split("\n"))


@pytest.mark.skipif(shutil.which("sed") is None, reason="the session edits a file with sed")
def test_the_recorded_session_is_what_the_commands_print(tmp_path: Path) -> None:
    """Times, dates, counts and widths may differ; not a word may."""
    page = record(tmp_path / "shops")
    if os.environ.get("HEADWATER_UPDATE_DOCS"):
        PAGE.write_text(page)
    recorded = PAGE.read_text() if PAGE.exists() else ""
    assert shape(page) == shape(recorded), "docs/session.md is not current: HEADWATER_UPDATE_DOCS=1 records it anew"
