"""Servers of a test's own, where the shared ones must not be touched: their settings, certificates, replicas."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from conftest import REPOSITORY, Warehouse

SCRIPT = REPOSITORY / "tests" / "servers.sh"


#: Everything that is committed is still there after [`Private.kill`], which the machine survives.
SURVIVING = ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M"]


@dataclass
class Private(Warehouse):
    """A server that its test may kill. Its data and its socket's path stay."""

    flags: tuple[str, ...] = ()

    @property
    def home(self) -> Path:
        return self.folder / "servers" / self.kind

    def start(self) -> None:
        settings = {"HEADWATER_CACHE": str(self.folder), "HEADWATER_SERVER_FLAGS": "\n".join(self.flags)}
        self.url = _script("start", self.kind, settings)

    def kill(self) -> None:
        """At once: nothing is written or told any more."""
        pidfile = self.home / "server.pid"
        if not pidfile.exists():
            return
        process = Path("/proc") / pidfile.read_text().strip()
        os.kill(int(process.name), signal.SIGKILL)
        while process.exists() and "State:\tZ" not in _text(process / "status"):
            time.sleep(0.005)
        pidfile.unlink()


@contextmanager
def private_server(kind: str, folder: Path, *flags: str) -> Iterator[Private]:
    """A fresh server in `folder`, started with `flags` and stopped at the end. root has no password."""
    pristine = Path(_script("prepare", kind, {}))
    home = folder / "servers" / kind
    home.mkdir(parents=True)
    shutil.copytree(pristine, home / "data", symlinks=True)
    if kind == "mysql":
        (home / "unpacked").symlink_to(pristine.parents[1] / "unpacked")
    # A socket's path must be short, and a test's folder is not.
    server = Private(kind, folder, flags=flags)
    server.start()
    try:
        yield server
    finally:
        # Nothing in it is worth a clean end, for which a server with replicas takes its time.
        server.kill()
        shutil.rmtree(home / "data", ignore_errors=True)


def _text(path: Path) -> str:
    """Empty for a file that is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _script(action: str, kind: str, settings: dict[str, str]) -> str:
    env = {**os.environ, **settings}
    done = subprocess.run(["bash", str(SCRIPT), action, kind], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tcp(warehouse: Warehouse, **entries: object) -> dict[str, object]:
    """The target of profiles.yml over TCP."""
    parts = urlsplit(warehouse.url)
    assert parse_qs(parts.query)
    output = {key: value for key, value in warehouse.output.items() if key != "unix_socket"}
    return {**output, "host": "127.0.0.1", "port": parts.port, **entries}
