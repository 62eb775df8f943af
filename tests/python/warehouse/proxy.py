"""A proxy between a client and a MySQL or MariaDB server that cuts connections at a chosen statement."""

from __future__ import annotations

import contextlib
import enum
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

QUERY, RESET = 0x03, 0x1F


class Cut(enum.Enum):
    """What becomes of the chosen statement."""

    #: The server never gets it.
    BEFORE = "before"
    #: The server works on it while its client is gone.
    DURING = "during"
    #: The server has answered, and the client never hears of it.
    AFTER = "after"
    #: The server has answered, and the client waits for it until the connection is closed.
    HOLD = "hold"


@dataclass
class Plan:
    """Which statement is cut: the `at`-th one (from 0) that `matches`."""

    at: int
    cut: Cut
    matches: Callable[[str], bool] = lambda _: True
    #: Called right then, before the connection is cut.
    strike: Callable[[], None] = lambda: None
    seen: int = 0
    #: The server has answered the statement.
    answered: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on a socket file of its own. Counts the statements of all connections, in the order of their arrival."""

    def __init__(self, server: str) -> None:
        self.server = server
        # Short: the path of a socket may have 107 bytes.
        self.folder = tempfile.TemporaryDirectory(prefix="hw")
        self.path = str(Path(self.folder.name) / "proxy")
        self.plan: Plan | None = None
        self.statements: list[str] = []
        self.lock = threading.Lock()
        self.open: set[socket.socket] = set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut_all()
        self.folder.cleanup()

    def cut_all(self) -> None:
        with self.lock:
            sockets = list(self.open)
        for one in sockets:
            shut(one)

    def expect(self, plan: Plan | None) -> None:
        """Start to count anew."""
        with self.lock:
            self.plan, self.statements = plan, []

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server)
            except OSError:
                client.close()
                server.close()
                continue
            with self.lock:
                self.open |= {client, server}
            Link(self, client, server).start()

    def forget(self, *sockets: socket.socket) -> None:
        with self.lock:
            self.open -= set(sockets)

    def meet(self, statement: str) -> Plan | None:
        """Note a statement; the plan, if it is this one that is meant."""
        with self.lock:
            self.statements.append(statement)
            plan = self.plan
            if plan is None or not plan.matches(statement):
                return None
            plan.seen += 1
            return plan if plan.seen == plan.at + 1 else None


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.answered, self.struck = threading.Event(), threading.Event()
        self.held = False

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        down = threading.Thread(target=self._down, daemon=True)
        down.start()
        self._up()
        down.join()
        self.proxy.forget(self.client, self.server)
        self.client.close()
        self.server.close()

    def _up(self) -> None:
        try:
            while header := exactly(self.client, 4):
                body = exactly(self.client, int.from_bytes(header[:3], "little"))
                # A command is the first packet of an exchange; those of the login have other numbers.
                plan = None
                if header[3] == 0 and body[:1] == bytes([QUERY]):
                    plan = self.proxy.meet(body[1:].decode(errors="replace"))
                if plan is None:
                    self.server.sendall(header + body)
                    continue
                if plan.cut is Cut.BEFORE:
                    break
                self.held = plan.cut in (Cut.AFTER, Cut.HOLD)
                self.answered.clear()
                self.server.sendall(header + body)
                if self.held:
                    self.answered.wait(30)
                plan.strike()
                self.struck.set()
                plan.answered.set()
                if plan.cut is Cut.HOLD:
                    exactly(self.client, 1)
                break
        except OSError:
            pass
        shut(self.client)
        shut(self.server)

    def _down(self) -> None:
        try:
            while data := self.server.recv(1 << 16):
                if self.held:
                    self.answered.set()
                else:
                    self.client.sendall(data)
        except OSError:
            pass
        if self.held:
            # The server may end with what strikes.
            self.answered.set()
            self.struck.wait(30)
        shut(self.client)
        shut(self.server)
        self.answered.set()


def exactly(sock: socket.socket, count: int) -> bytes:
    """That many bytes; fewer when the other side is gone."""
    data = b""
    while len(data) < count and (more := sock.recv(count - len(data))):
        data += more
    return data if len(data) == count else b""


def shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
