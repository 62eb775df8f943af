"""Servers of a test's own, where the shared ones must not be touched: their settings, certificates, replicas."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from conftest import REPOSITORY, Warehouse

SCRIPT = REPOSITORY / "tests" / "servers.sh"


@contextmanager
def private_server(kind: str, folder: Path, *flags: str) -> Iterator[Warehouse]:
    """A fresh server in `folder`, started with `flags` and stopped at the end. root has no password."""
    pristine = Path(_script("prepare", kind, {}))
    home = folder / "servers" / kind
    home.mkdir(parents=True)
    shutil.copytree(pristine, home / "data", symlinks=True)
    if kind == "mysql":
        (home / "unpacked").symlink_to(pristine.parents[1] / "unpacked")
    settings = {"HEADWATER_CACHE": str(folder), "HEADWATER_SERVER_FLAGS": "\n".join(flags)}
    # A socket's path must be short, and a test's folder is not.
    url = _script("start", kind, settings)
    try:
        yield Warehouse(kind, folder, url)
    finally:
        # Nothing in it is worth a clean end, for which a server with replicas takes its time.
        os.kill(int((home / "server.pid").read_text()), signal.SIGKILL)
        shutil.rmtree(home / "data", ignore_errors=True)


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
