"""Who keeps a table from us: told by name where the server knows who holds which table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Warehouse, kinds
from private import private_server
from test_publish import TABLE, slow_reader

INSTRUMENT = "--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON"
SERVERS = {
    "mysql": ("mysql", "--performance-schema=ON"),
    "mariadb": ("mariadb", "--performance-schema=ON", INSTRUMENT),
    "plugin": ("mariadb", "--plugin-load-add=metadata_lock_info"),
}


@pytest.fixture(params=[name for name, (kind, *_) in SERVERS.items() if kind in kinds()])
def private(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    kind, *flags = SERVERS[request.param]
    with tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name, private_server(kind, Path(name), *flags) as own:
        yield own


def test_the_one_that_holds_the_table_is_told_and_no_other(private: Warehouse) -> None:
    project = private.project({f"models/{name}.sql": TABLE for name in ("art", "mart")})
    project.run().raise_for_failures()
    output = private.output | {"ddl_patience": 2}
    project = private.project({"profiles.yml": f"shop: {{target: test, outputs: {{test: {output}}}}}"})
    with slow_reader(private, "art") as other, slow_reader(private, "mart") as slow:
        told = project.run(select="mart")["mart"].explain()
        assert f"session {slow.thread_id()} of `root@localhost` has an open transaction" in told
        assert f"session {other.thread_id()} " not in told
    project.run().raise_for_failures()
