"""The pages lead somewhere, and their examples can be read."""

from __future__ import annotations

import ast
import re

import pytest
from conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert link.startswith("http") or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_can_be_read(page):
    for example in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        ast.parse(example)


def test_the_exceptions_of_the_error_page_exist():
    import headwater as hw

    page = (REPOSITORY / "docs" / "errors.md").read_text()
    named = set(re.findall(r"^\| `[a-z-]+` \| `(\w+)` \|", page, re.MULTILINE))
    assert named == {"HeadwaterError"} | {kind.__name__ for kind in hw.HeadwaterError.__subclasses__()}
