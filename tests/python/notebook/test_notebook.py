"""What a notebook does with a project: many cells, one process."""

from __future__ import annotations

import threading

import headwater as hw
from conftest import Warehouse


def test_edits_between_cells_count(duck: Warehouse):
    project = duck.project({"models/a.sql": "select 1 as n"})
    project.run().raise_for_failures()
    (duck.folder / "shop" / "models" / "a.sql").write_text("select 2 as n")
    project.run().raise_for_failures()
    assert project.query("select n from {{ ref('a') }}").fetchall() == [(2,)]


def test_many_queries_at_once(duck: Warehouse):
    project = duck.project({"models/a.sql": "{{ config(materialized='table') }} select range as n from range(1000)"})
    project.run().raise_for_failures()
    sums: list[int] = []

    def ask() -> None:
        sums.append(project.query("select sum(n) as n from {{ ref('a') }}").fetchall()[0][0])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [int(total) for total in sums] == [499500] * 4


def test_cells_print_nothing_of_their_own(duck: Warehouse, capfd):
    duck.project({"models/a.sql": "select 1 as n"}).run()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_html_for_every_answer(duck: Warehouse):
    project = duck.project({"models/a.sql": "select 1 as n"})
    assert "<table>" in project.run()._repr_html_()
    assert "<table>" in project.query("select 1 as n")._repr_html_()
    assert isinstance(project, hw.Project)
