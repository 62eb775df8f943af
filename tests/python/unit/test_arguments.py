"""Keyword arguments become a command line."""

from __future__ import annotations

from pathlib import Path

from headwater.arguments import command_line


def test_options_become_flags():
    options = {"full_refresh": True, "fail_fast": False, "threads": 4, "target": None, "project_dir": Path("a b")}
    assert command_line(["run"], options) == [
        "run", "--full-refresh", "--no-fail-fast", "--threads", "4", "--project-dir", "a b",
    ]  # fmt: skip


def test_selections_are_texts_or_lists():
    assert command_line(["ls"], {"select": "tag:daily +orders"}) == ["ls", "--select", "tag:daily +orders"]
    assert command_line(["ls"], {"select": ["tag:daily", "+orders"]}) == ["ls", "--select", "tag:daily", "+orders"]


def test_variables_become_json():
    assert command_line(["run"], {"vars": {"day": "2026-01-01", "n": 1}}) == [
        "run",
        "--vars",
        '{"day": "2026-01-01", "n": 1}',
    ]
