"""Servers that are killed at every statement that changes something, of every kind of build."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SERVERS, kinds
from private import SURVIVING, Private, private_server
from proxy import Cut, Plan, Proxy
from test_recovery import World, build, project

VERBS = ("create table", "alter table", "rename table", "insert", "update", "delete")


@pytest.fixture(scope="module", params=[kind for kind in kinds() if kind in SERVERS])
def mortal(request: pytest.FixtureRequest) -> Iterator[Private]:
    with (
        tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name,
        private_server(request.param, Path(name), *SURVIVING) as server,
    ):
        yield server


def body(statement: str) -> str:
    """Without the comment that names the node; empty for statements of no node."""
    return statement.split("*/\n", 1)[1].strip() if '"node_id"' in statement else ""


def changes(statement: str) -> bool:
    return body(statement).startswith(VERBS)


def changes_drops_or_journals(statement: str) -> bool:
    return changes(statement) or body(statement).startswith("drop table") or "`headwater`." in statement


def commits(statement: str) -> bool:
    return body(statement).endswith("; commit")


# The kind, whether there is no table yet, which statements, whether the server is back at once for the first of them.
# What is the same for all kinds is tried with one of them: the journal's own statements and drops with `table`, first
# builds with `keyed`, batches after the first with a first build. Commits, which may or may not have happened, are
# tried both ways.
ROUNDS = [
    ("table", False, changes_drops_or_journals, False),
    ("append", False, changes, True),
    ("keyed", True, changes, True),
    ("keyed", False, changes, False),
    ("keyed", False, commits, True),
    ("snapshot", False, changes, True),
    ("snapshot", False, commits, False),
    ("microbatch", True, changes, False),
    ("microbatch", False, commits, False),
]


def test_a_server_that_is_killed_at_every_statement_that_changes_something(mortal: Private) -> None:
    """The server has done it and dies before it says so. By turns it is back before the client has noticed, and only
    once the run has ended: then the run says so, and the next one finds what there is."""
    proxy = Proxy(mortal.address["unix_socket"])
    problems: list[str] = []
    for number, (kind, first, matches, back) in enumerate(ROUNDS):
        own = replace(mortal, schema=f"{mortal.schema}_{number}")
        world = World(own, kind)
        folder = project(own, proxy, kind, retries=0)
        world.forget()
        proxy.expect(None)
        assert not build(folder, kind)
        for at in range(100):
            world.step()
            if first:
                world.forget()
            returns = back == (at % 2 == 0)

            def strike(returns: bool = returns) -> None:
                mortal.kill()
                if returns:
                    mortal.start()

            plan = Plan(at, Cut.HOLD, matches, strike)
            proxy.expect(plan)
            failed = build(folder, kind)
            if plan.seen <= at:
                assert not failed
                break
            assert plan.answered.wait(30)
            met = [statement for statement in proxy.statements if matches(statement)][at]
            where = f"{kind}, first={first}, back={returns}, at {at}: {met!r}"
            proxy.expect(None)
            if not returns:
                mortal.start()
                # What a run says at its very end is of no node, and changes nothing for it.
                if (body(met) and "connect" not in failed) or "panic" in failed:
                    problems.append(f"{where}: ended with {failed!r}")
            elif failed:
                problems.append(f"{where}: did not recover: {failed}")
            if failed and (again := build(folder, kind)):
                problems.append(f"{where}: and again: {again}")
            problems += [f"{where}: {problem}" for problem in world.problems()]
        assert at >= 1
    proxy.close()
    assert problems == [], "\n".join(problems)
