"""What the page about compatibility takes for dbt's names is what dbt has."""

from __future__ import annotations

from outside import REPOSITORY, python_of

FOLDER = REPOSITORY / "tests" / "compatibility"


def test_the_names_are_those_of_the_installed_dbt(tmp_path):
    done = python_of("dbt")(str(FOLDER / "surface.py"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (FOLDER / "dbt.json").read_text() == done.stdout
