"""Python's modules inside of templates."""

from __future__ import annotations

import pytest
from conftest import Warehouse

TEMPLATES = {
    "{{ modules.datetime.date(2024, 2, 28) + modules.datetime.timedelta(days=1) }}": "2024-02-29",
    "{{ (modules.datetime.date(2024, 3, 1) - modules.datetime.date(2024, 2, 1)).days }}": "29",
    "{{ modules.datetime.datetime.strptime('2024-05-06', '%Y-%m-%d').strftime('%d.%m.%Y') }}": "06.05.2024",
    "{{ modules.datetime.date(2024, 1, 1) < modules.datetime.date(2024, 1, 2) }}": "True",
    "{{ modules.re.sub('[^a-z]', '_', 'a-b c') }}": "a_b_c",
    "{{ modules.re.match('(\\\\d+)-(\\\\d+)', '12-34').group(2) }}": "34",
    "{% if modules.re.match('x', 'y') %}yes{% else %}no{% endif %}": "no",
    "{% for a, b in modules.itertools.product([1, 2], ['x']) %}{{ a }}{{ b }} {% endfor %}": "1x 2x ",
    "{{ modules.pytz.timezone('Asia/Tokyo').localize(modules.datetime.datetime(2024, 7, 1)).hour }}": "0",
    "{{ modules.pytz.utc.localize(modules.datetime.datetime(2024, 7, 1)).utcoffset() }}": "0:00:00",
    "{{ run_started_at.strftime('%Y') | length }}": "4",
}


@pytest.mark.parametrize(("template", "expected"), TEMPLATES.items())
def test_modules_work_as_in_python(duck: Warehouse, template: str, expected: str):
    project = duck.project({"models/a.sql": f"select '{template}' as text".replace("'{", "$${").replace("}'", "}$$")})
    results = project.compile()
    assert results["a"].compiled_code == f"select $${expected}$$ as text"
