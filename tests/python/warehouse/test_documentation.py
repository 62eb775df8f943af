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

#: A semantic layer and a function on top of the models, with what could become a program in every text.
LAYER = {
    "models/days.sql": "select date '2024-01-01' as day",
    "models/gross.sql": "select {{ function('add_tax') }}(id) as gross from {{ ref('orders') }}",
    "functions/add_tax.sql": "amount * 2",
    "functions/secret.sql": "1",
    "functions/functions.yml": """
        functions:
          - name: add_tax
            description: Adds the **tax** <img src=x onerror=alert(1)> [by law](https://law.example/tax_(goods))
            config: {volatility: deterministic, tags: [money], group: sales, meta: {since: '<b>2024</b>', of: [1, 2]}}
            arguments: [{name: amount, data_type: integer, description: Before *tax* <script>alert(1)</script>}]
            returns: {data_type: integer, description: After `tax`}
          - name: secret
            config: {docs: {show: false}}
            returns: {data_type: integer}
        """,
    "models/layer.yml": """
        models:
          - name: days
            time_spine: {standard_granularity_column: day}
            columns: [{name: day, granularity: day}]
        semantic_models:
          - name: order_facts
            model: ref('orders')
            description: Orders as **facts**
            config: {group: sales, meta: {tier: gold}}
            defaults: {agg_time_dimension: ordered_at}
            entities: [{name: order_key, type: primary, expr: id}]
            dimensions:
              - {name: ordered_at, type: time, expr: current_date, type_params: {time_granularity: day}}
              - {name: big_one, type: categorical, expr: "'<b>' || state", description: A *big* order <script>}
            measures: [{name: revenue, agg: sum, expr: id * 2, create_metric: true}]
        metrics:
          - name: big_share
            label: The share of big <b>orders</b>
            description: How **much** is big [x](javascript:alert(1))
            type: ratio
            type_params:
              numerator: {name: revenue, filter: "{{ Dimension('order_key__big_one') }} = '<img src=x>'", alias: big}
              denominator: revenue
            tags: [weekly]
            config: {group: sales, meta: {url: "javascript:alert(1)"}}
          - name: growth
            label: Growth
            type: derived
            type_params:
              expr: now - before
              metrics: [{name: big_share, alias: now}, {name: big_share, alias: before, offset_window: 1 month}]
          - name: unshown
            label: Unshown
            type: simple
            type_params: {measure: revenue}
            config: {docs: {show: false}}
        saved_queries:
          - name: weekly_share
            description: For **Monday** <img src=x>
            tags: [weekly]
            query_params:
              metrics: [big_share, unshown]
              group_by: ["TimeDimension('metric_time', 'week')"]
              where: "{{ Dimension('order_key__big_one') }} = '</dd><script>'"
            exports: [{name: share_table, config: {export_as: table, schema: reports}}]
        """,
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


@pytest.mark.parametrize("browser", BROWSERS)
def test_a_browser_shows_the_semantic_layer_and_functions(browser: str, duck: Warehouse) -> None:
    project = duck.project({**MODELS, **LAYER})
    project.build().raise_for_failures()
    project.docs_generate()
    page = target(project) / "index.html"
    shown = {known["id"] for known in embedded(page)["pages"]}
    assert not shown & {"function.shop.secret", "metric.shop.unshown"}

    def dom(id: str) -> str:
        kind = id.split(".")[0]
        text = browse(browser, page, "--dump-dom", f"{page.as_uri()}#!/{kind}/{id}")
        main = text.split('<main id="main"')[1].split("</main>")[0]
        assert not re.findall(r"<(?:script|img|b|iframe)\b[^>]*>", main), id
        assert 'href="javascript' not in main
        assert set(re.findall(r'href="#!/\w+/([^"]+)"', main)) <= shown | {"money", "weekly"}
        return main

    def parts(main: str) -> dict[str, str]:
        """What stands below each heading, without tags."""
        sections = re.split(r"<h2[^>]*>(.*?)</h2>", main)
        return {
            name: " ".join(re.sub("<[^>]*>", " ", text).split()) for name, text in zip(sections[1::2], sections[2::2])
        }

    function = dom("function.shop.add_tax")
    assert "<strong>tax</strong>" in function
    assert 'href="https://law.example/tax_(goods)" rel="noopener noreferrer">by law</a>' in function
    assert all(text in function for text in ["deterministic", "mailto:ada@shop.example", ">sales<", "#!/tag/money"])
    assert parts(function)["Returns"] == "After tax"
    assert parts(function)["Arguments"].startswith("Name Type Description amount integer Before tax")
    assert parts(function)["Meta"] == "since &lt;b&gt;2024&lt;/b&gt; of [1,2]"
    assert parts(function)["Referenced by"] == "gross"
    assert "amount * 2" in parts(function)["Code"]

    model = dom("semantic_model.shop.order_facts")
    assert ">semantic model</span>" in model
    assert "<strong>facts</strong>" in model
    found = parts(model)
    assert found["Meta"] == "tier gold"
    assert found["Entities"] == "Name Type Expression order_key primary id"
    assert "ordered_at time (day) current_date" in found["Dimensions"]
    assert "big_one categorical '&lt;b&gt;' || state A big order &lt;script&gt;" in found["Dimensions"]
    assert found["Measures"] == "Name Aggregation Expression revenue sum id * 2"
    assert found["Depends on"] == "orders"
    assert found["Referenced by"] == "revenue"

    metric = dom("metric.shop.big_share")
    assert "The share of big &lt;b&gt;orders&lt;/b&gt;" in metric
    assert "<strong>much</strong>" in metric
    assert all(text in metric for text in ["<dd>ratio</dd>", "mailto:ada@shop.example", ">sales<", "#!/tag/weekly"])
    assert parts(metric)["Meta"] == "url javascript:alert(1)"
    assert parts(metric)["Inputs"].startswith("Name Role Alias Filter revenue numerator big {{ Dimension(")
    assert parts(metric)["Depends on"] == "revenue"
    assert parts(metric)["Referenced by"] == "growth weekly_share"
    lineage = metric.split("<svg")[1]
    assert {"t-model", "t-semantic_model", "t-metric", "t-saved_query"} <= set(re.findall(r"t-\w+", lineage))
    ends = dict(re.findall(r'class="t-(\w+)[^>]*>.*?<rect[^>]*rx="(\d+)"', lineage))
    assert ends["model"] != ends["metric"]
    kinds = {id.split(".")[0] for id in shown}
    colors = dict(re.findall(r"--(\w+): (#\w+)", page.read_text().split("@media")[0]))
    assert len({colors[kind] for kind in kinds}) == len(kinds)

    growth = parts(dom("metric.shop.growth"))
    assert growth["Inputs"] == "Name Role Alias Offset big_share metric now big_share metric before 1 month"
    query = dom("saved_query.shop.weekly_share")
    assert "<strong>Monday</strong>" in query
    assert "#!/tag/weekly" in query
    assert "TimeDimension('metric_time', 'week')" in query
    assert "'&lt;/dd&gt;&lt;script&gt;'" in query
    assert parts(query)["Exports"] == "Name As Schema Alias share_table table reports share_table"
    assert parts(query)["Depends on"] == "big_share"
    overview = browse(browser, page, "--dump-dom", page.as_uri())
    for kind, count in {"metric": 3, "semantic_model": 1, "saved_query": 1, "function": 1}.items():
        assert f'<a href="#!/{kind}">{count}</a>' in overview
    # The page's own search, typed into by a program of ours.
    expected = {
        "add_tax": "function.shop.add_tax",
        "share of big": "metric.shop.big_share",
        "order_key primary": "semantic_model.shop.order_facts",
        "monday": "saved_query.shop.weekly_share",
        "now - before": "metric.shop.growth",
    }
    program = """setTimeout(() => {
        const search = document.getElementById("search");
        document.title = WORDS.map((words) => {
            search.value = words;
            search.dispatchEvent(new Event("input"));
            return (document.querySelector("#hits a") || {}).hash;
        }).join(" ");
    }, 500)"""
    typed = page.with_name("typed.html")
    script = f"<script>{program.replace('WORDS', json.dumps(list(expected)))}</script></body>"
    typed.write_text(page.read_text().replace("</body>", script))
    text = browse(browser, typed, "--dump-dom", typed.as_uri())
    hits = re.search("<title>(.*?)</title>", text)[1].split()
    assert dict(zip(expected, (hit.split("/")[-1] for hit in hits))) == expected
    shutil.rmtree(page.parent / "browser", ignore_errors=True)


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
