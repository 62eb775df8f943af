"""``init``, with and without a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

HEADWATER = [sys.executable, "-m", "headwater"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "TERM": "dumb", "NO_COLOR": "1"}


def headwater(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Without a terminal."""
    home = folder if folder.name == "work" else folder.parent
    return subprocess.run(
        [*HEADWATER, *args], cwd=folder, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.shown = ""
        self.answered = 0
        self.master, slave = pty.openpty()
        home = folder if folder.name == "work" else folder.parent
        self.process = subprocess.Popen(
            [*HEADWATER, *args],
            cwd=folder,
            env=environment(home),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def read(self) -> bool:
        """Takes what is there; false at the end."""
        if not select.select([self.master], [], [], 60)[0]:
            raise AssertionError(f"nothing more came after: {self.shown}")
        try:
            text = os.read(self.master, 4096).decode()
        except OSError:
            return False
        self.shown += text.replace("\r\n", "\n")
        return bool(text)

    def answer(self, question: str, answer: str) -> None:
        while question not in self.shown[self.answered :]:
            assert self.read(), self.shown
        self.answered = self.shown.index(question, self.answered) + len(question)
        # Echo is switched off before the question is printed, but not what was typed before it was.
        time.sleep(0.05)
        os.write(self.master, answer.encode())

    def end(self) -> int:
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait(timeout=60)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_a_new_project_builds_at_once(work: Path):
    terminal = Terminal(work, "init")
    terminal.answer("Enter a name for your project", "no-name\n")
    terminal.answer("cannot be the name of a project", "")
    terminal.answer("Enter a name for your project", "bakery\n")
    terminal.answer("Which database would you like to use?\n[1] duckdb\n[2] mysql\n[3] mariadb", "7\n")
    terminal.answer("Enter a number from 1 to 3", "duckdb\n")
    terminal.answer("path (the database file) [bakery.duckdb]", "\n")
    terminal.answer("schema [main]", "\n")
    terminal.answer("threads", "2\n")
    assert terminal.end() == 0, terminal.shown
    assert "All checks passed" in terminal.shown
    assert "Next: `cd bakery`, then `headwater build`" in terminal.shown
    profiles = work / ".dbt" / "profiles.yml"
    expected = "bakery:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: bakery.duckdb\n"
    assert profiles.read_text() == expected + "      schema: main\n      threads: 2\n"
    assert profiles.stat().st_mode & 0o777 == 0o600
    built = headwater(work / "bakery", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "WARN=0 ERROR=0 SKIP=0" in built.stdout
    assert built.stderr == ""
    # Nothing is ever written over.
    again = headwater(work, "init", "bakery", "-s")
    assert again.returncode == 2
    assert "`bakery` exists already" in again.stderr


def test_without_a_terminal_nothing_is_asked(work: Path):
    for args in [(), ("bakery",)]:
        refused = headwater(work, "init", *args)
        assert refused.returncode == 2
        assert "`init` has no terminal to ask" in refused.stderr
        assert "--skip-profile-setup" in refused.stderr
    assert "cannot be the name of a project" in headwater(work, "init", "1st", "-s").stderr
    assert list(work.iterdir()) == []
    assert headwater(work, "init", "bakery", "--skip-profile-setup").returncode == 0
    assert "profile: bakery" in (work / "bakery" / "dbt_project.yml").read_text()
    (work / "profiles.yml").write_text("ours: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:'}}}\n")
    unknown = headwater(work, "init", "shop", "--profile", "theirs")
    assert unknown.returncode == 2
    assert "there is no profile `theirs`" in unknown.stderr
    assert not (work / "shop").exists()
    assert headwater(work, "init", "shop", "--profile", "ours").returncode == 0
    assert "profile: ours" in (work / "shop" / "dbt_project.yml").read_text()
    # Inside of a project there is only the profile to set up.
    assert "has no terminal" in headwater(work / "shop", "init").stderr
    assert headwater(work / "shop", "init", "-s").returncode == 0
    assert "does not change the profile" in headwater(work / "shop", "init", "--profile", "ours").stderr


def test_a_project_says_what_is_asked(work: Path):
    assert headwater(work, "init", "bakery", "-s").returncode == 0
    template = "fixed: {type: mysql, server: nowhere.invalid}\nprompts:\n  username: {default: me}\n"
    template += "  password: {hide_input: true}\n  schema: {hint: yours}\n"
    (work / "bakery" / "profile_template.yml").write_text(template)
    profiles = work / ".dbt" / "profiles.yml"
    profiles.parent.mkdir()
    profiles.write_text("# mine\nother: {}\n")
    terminal = Terminal(work / "bakery", "init", "--skip-debug")
    terminal.answer("username [me]", "\n")
    terminal.answer("password", "s3cret!\n")
    terminal.answer("schema (yours)", "shop\n")
    assert terminal.end() == 0, terminal.shown
    assert "s3cret!" not in terminal.shown
    own = "\nbakery:\n  target: dev\n  outputs:\n    dev:\n      type: mysql\n      server: nowhere.invalid\n"
    own += "      username: me\n      password: s3cret!\n      schema: shop\n"
    assert profiles.read_text() == "# mine\nother: {}\n" + own
    terminal = Terminal(work / "bakery", "init")
    terminal.answer("already exists", "n\n")
    assert terminal.end() == 0
    # Ctrl-C at a question: nothing has been written.
    terminal = Terminal(work, "init", "third")
    terminal.answer("Enter a number", "2\n")
    terminal.answer("server", "\x03")
    assert terminal.end() != 0
    assert not (work / "third").exists()
    assert "third:" not in profiles.read_text()
