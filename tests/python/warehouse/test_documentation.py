"""`docs generate` and `docs serve`: the catalog of each database, and the page."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import headwater as hw
import pytest
from chain import Chain
from conftest import BROWSERS, Warehouse
from test_example import example

MODELS = {
    "dbt_project.yml": "{name: shop, version: '1.0', profile: shop, asset-paths: [assets]}",
    "models/orders.sql": "{{ config(materialized='table', tags=['daily']) }} select 1 as id, 'a' as state",
    "models/recent.sql": "{{ config(materialized='view') }} select id from {{ ref('orders') }}",
    "models/inner.sql": "{{ config(materialized='ephemeral') }} select 2 as n",
    "models/models.yml": """
        models:
          - name: orders
            description: |
                All **orders**, `one` a row. </script><script>document.title = 'broken'</script>
                <img src=x onerror="document.title='broken'"> ![plan](assets/plan.svg)

                [one](javascript:document.title='broken') [two](JaVaScript:alert) [three](data:text/html,broken)
                ![four](javascript:alert) ![five](https://elsewhere.example/spy.png) [six](https://shop.example/six)
            config: {group: sales, docs: {node_color: 'red;background:url(https://elsewhere.example)'}}
            columns:
              - name: id
                description: The key
                data_tests: [unique, not_null]
        groups:
          - name: sales
            owner: {name: Ada, email: ada@shop.example}
        exposures:
          - name: board
            type: dashboard
            url: javascript:alert(1)
            owner: {name: Bo, email: bo@shop.example}
            description: For <b>all</b>
            depends_on: [ref('recent')]
        """,
    "seeds/states.csv": "state,label\na,open\n",
    "assets/plan.svg": '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "models/overview.md": "{% docs __overview__ %}Read [this](https://shop.example/a) first.{% enddocs %}",
    "models/hidden.sql": "{{ config(docs={'show': false}) }} select 1 as id",
    "macros/names.sql": "{% macro shout(word) %}{{ word | upper }}{% endmacro %}",
}


def target(project: hw.Project) -> Path:
    return Path(project.project_dir) / "target"


def catalog_of(project: hw.Project) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((target(project) / "catalog.json").read_text())
    return parsed


def embedded(page: Path) -> dict[str, Any]:
    """The data that a page carries."""
    [text] = re.findall(r'<script id="data" type="application/gzip;base64">(.*?)</script>', page.read_text())
    parsed: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(text)))
    return parsed


def test_the_example_is_documented(warehouse: Warehouse) -> None:
    from dbt_artifacts_parser.parser import parse_catalog, parse_manifest

    Chain(f"{warehouse.schema}_shop").load(warehouse)
    project = example(warehouse)
    project.build().raise_for_failures()
    given = project.docs_generate()
    catalog = catalog_of(project)
    parsed = parse_catalog(catalog)
    manifest = parse_manifest(json.loads((target(project) / "manifest.json").read_text()))
    relations = {
        id
        for id, node in manifest.nodes.items()
        if node.resource_type in {"model", "seed", "snapshot"} and node.config.materialized != "ephemeral"
    }
    assert set(parsed.nodes) == relations == set(given["nodes"])
    assert set(parsed.sources) == set(manifest.sources)
    assert manifest.nodes["model.shops.fct_orders"].compiled_code
    facts = catalog["nodes"]["model.shops.fct_orders"]
    assert facts["metadata"]["type"] == "BASE TABLE"
    assert facts["metadata"]["schema"] == warehouse.schema
    assert [column["index"] for column in facts["columns"].values()] == list(range(1, len(facts["columns"]) + 1))
    assert facts["stats"]["has_stats"]["value"] is True
    pages = {page["id"]: page for page in embedded(target(project) / "index.html")["pages"]}
    assert relations <= set(pages)
    orders = pages["model.shops.fct_orders"]
    source = orders["raw"].split("\n")
    compiled = "\n".join(source[line] if isinstance(line, int) else line for line in orders["sql"])
    assert compiled == manifest.nodes["model.shops.fct_orders"].compiled_code


def test_a_catalog_of_what_is_there(warehouse: Warehouse) -> None:
    project = warehouse.project(MODELS)
    project.build(select="orders states").raise_for_failures()
    assert set(project.docs_generate()["nodes"]) == {"model.shop.orders", "seed.shop.states"}
    project.build(select="recent").raise_for_failures()
    assert set(project.docs_generate(select="recent")["nodes"]) == {"model.shop.recent"}
    recent = catalog_of(project)["nodes"]["model.shop.recent"]
    assert recent["metadata"]["type"] == "VIEW"
    assert list(recent["columns"]) == ["id"]


def test_no_database_is_needed_for_an_empty_catalog(warehouse: Warehouse) -> None:
    project = warehouse.project(MODELS)
    project.docs_generate(empty_catalog=True, compile=False)
    catalog = catalog_of(project)
    assert (catalog["nodes"], catalog["sources"], catalog["errors"]) == ({}, {}, None)
    assert (target(project) / "index.html").exists()


def test_what_does_not_compile_is_not_documented(duck: Warehouse) -> None:
    project = duck.project({**MODELS, "models/broken.sql": "{% if execute %}{{ 1 / 0 }}{% endif %}"})
    with pytest.raises(hw.HeadwaterError, match="broken"):
        project.docs_generate()
    assert not (target(project) / "index.html").exists()


def test_the_page_is_one_file_without_a_network(duck: Warehouse) -> None:
    project = duck.project(MODELS)
    project.build().raise_for_failures()
    project.docs_generate(static=True)
    text = (target(project) / "index.html").read_text()
    assert (target(project) / "static_index.html").read_text() == text
    assert not re.search(r"<link|<img|<iframe|\bsrc=|@import|url\(|fetch\(|XMLHttpRequest|import\(", text)
    # One for the browser's name of SVG; it is never asked for.
    assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert text.count("</script>") == 2
    data = embedded(target(project) / "index.html")
    pages = {page["id"]: page for page in data["pages"]}
    orders = pages["model.shop.orders"]
    assert orders["owner"] == "Ada <ada@shop.example>"
    assert {test[0] for test in orders["tests"]} == {"unique", "not_null"}
    assert [column[0] for column in orders["cols"]] == ["id", "state"]
    assert [data["pages"][at]["id"] for at in pages["exposure.shop.board"]["up"]] == ["model.shop.recent"]
    assert "macro.shop.shout" in pages
    assert not any(id.startswith("macro.dbt") for id in pages)


def shop_of(models: int) -> dict[str, str]:
    """Models of 3 KB with described and tested columns, hardly one line like another."""
    words = random.Random(7)
    stems = ["order", "customer", "price", "store", "till", "tax", "margin", "stock", "return", "loyalty", "basket"]
    name = lambda: f"{words.choice(stems)}_{words.choice(stems)}_{words.randrange(10_000)}"  # noqa: E731
    files = {"models/m0.sql": "select 1 as id"}
    described = []
    for number in range(1, models):
        columns = [name() for _ in range(12)]
        lines = [f"    {words.choice(['sum', 'min', 'max'])}({name()} * {words.random():.4f}) as {c}," for c in columns]
        refs = [f"{{{{ ref('m{parent}') }}}}" for parent in [number - 1, *(words.randrange(number) for _ in range(3))]]
        joins = [f"left join {parent} as t{at} on t{at}.id = {name()}" for at, parent in enumerate(refs[1:])]
        filters = [
            f"  and {name()} {words.choice('<>=')} {words.randrange(10**5)} -- {name()} {name()}" for _ in range(35)
        ]
        sql = ["select", *lines, "    id", f"from {refs[0]}", *joins, "where 1 = 1", *filters, "group by id"]
        files[f"models/m{number}.sql"] = "\n".join(sql)
        listed = [
            f"{{name: {c}, description: The {c.replace('_', ' ')} of the day, data_tests: [{tests}]}}"
            for c, tests in zip(columns, ["unique", "", "", "", "", ""])
        ]
        text = f"Every {columns[0].replace('_', ' ')} by {columns[1].replace('_', ' ')}."
        described.append(f"  - {{name: m{number}, description: '{text}', columns: [{', '.join(listed)}]}}")
    files["models/models.yml"] = "models:\n" + "\n".join(described) + "\n"
    return files


def test_five_hundred_models_are_one_megabyte(duck: Warehouse) -> None:
    files = shop_of(500)
    assert sum(len(text) for name, text in files.items() if name.endswith(".sql")) > 500 * 2_500
    project = duck.project(files)
    project.docs_generate(empty_catalog=True)
    page = target(project) / "index.html"
    assert page.stat().st_size <= 1_000_000
    for browser in BROWSERS:
        text = browse(browser, page, "--dump-dom", f"{page.as_uri()}#!/model/model.shop.m250")
        assert "<h1>m250</h1>" in text
        assert text.count("<rect") > 100


def test_serve_shows_the_page_and_nothing_else(duck: Warehouse) -> None:
    project = duck.project(MODELS)
    command = [sys.executable, "-m", "headwater", "docs", "serve", "--port", "0", "--no-browser"]
    early = subprocess.run(command, cwd=project.project_dir, capture_output=True, text=True)
    assert early.returncode == 2
    assert "headwater docs generate" in early.stderr
    project.docs_generate(empty_catalog=True, compile=False)
    with subprocess.Popen(command, cwd=project.project_dir, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stdout if "http://" in line)
            url = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
            assert fetched(url) == (200, (target(project) / "index.html").read_bytes())
            assert json.loads(fetched(url + "catalog.json")[1])["nodes"] == {}
            for path in ["../profiles.yml", "%2e%2e/profiles.yml", "compiled"]:
                assert fetched(url + path)[0] == 404, path
        finally:
            server.send_signal(signal.SIGINT)


def fetched(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()


def browse(browser: str, page: Path, *flags: str) -> str:
    """The page's elements after its program ran."""
    profile = page.parent / "browser"
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [browser, "--headless", "--disable-gpu", *sandbox, f"--user-data-dir={profile}"]
    command += ["--virtual-time-budget=3000", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize("browser", BROWSERS)
def test_a_browser_shows_it(browser: str, duck: Warehouse) -> None:
    project = duck.project(MODELS)
    project.build().raise_for_failures()
    project.docs_generate()
    page = target(project) / "index.html"

    def dom(route: str) -> str:
        text = browse(browser, page, "--dump-dom", f"{page.as_uri()}#!/{route}")
        return text.split('<div id="body"')[1].split('<script id="data"')[0]

    orders = dom("model/model.shop.orders")
    assert "<h1>orders</h1>" in orders
    assert "<strong>orders</strong>" in orders
    assert "&lt;/script&gt;" in orders
    image = '<img src="assets/plan.svg" alt="plan" loading="lazy">'
    assert re.findall(r"<(?:img|script|iframe)[^>]*>", orders) == [image]
    assert (page.parent / "assets/plan.svg").is_file()
    outside = {url for url in re.findall(r'href="([^"]*)"', orders) if not url.startswith("#!/")}
    assert outside == {"mailto:ada@shop.example", "https://elsewhere.example/spy.png", "https://shop.example/six"}
    assert "url(" not in orders
    assert "hidden" not in {known["n"] for known in embedded(page)["pages"]}
    assert 'href="https://shop.example/a"' in dom("")
    links = set(re.findall(r'href="#!/(?:model|seed|source|exposure|macro)/([^"]+)"', orders))
    assert "model.shop.recent" in links
    assert links <= {known["id"] for known in embedded(page)["pages"]}
    assert "There is no such page" in dom("model/model.shop.nothing")
    board = dom("exposure/exposure.shop.board")
    assert "mailto:bo@shop.example" in board
    assert 'href="javascript' not in board
    assert "&lt;b&gt;all&lt;/b&gt;" in board
    for route in ["tag/daily", "macro/macro.shop.shout"]:
        assert "There is no such page" not in dom(route), route
    shot = page.parent / "shot.png"
    browse(browser, page, f"--screenshot={shot}", f"{page.as_uri()}#!/model/model.shop.orders")
    # A blank page of this size is a few kilobytes.
    assert shot.stat().st_size > 15_000
    shutil.rmtree(page.parent / "browser", ignore_errors=True)
