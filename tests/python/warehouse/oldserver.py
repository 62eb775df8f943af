"""A server that is not to be had here, with as much of MySQL's protocol as a login and its first statements need."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: protocol 4.1, with database, transactions, plugins, several statements and results
FLAGS = 0x0001 | 0x0008 | 0x0200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000
TLS = 0x0800
MORE = 0x0008
VALUES = {
    "version()": "5.7.44-log",
    "@@version_comment": "MySQL Community Server (GPL)",
    "@@max_allowed_packet": "67108864",
    "@@lower_case_table_names": "0",
    "@@character_set_server": "utf8mb4",
}


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number % 256]) + body


def greeting(tls: bool, version: str = "8.4.0") -> bytes:
    """A server's first packet: protocol 4.1, plugins, with or without TLS."""
    flags = FLAGS | (TLS if tls else 0)
    low, high = (flags & 0xFFFF).to_bytes(2, "little"), (flags >> 16).to_bytes(2, "little")
    start = b"\x0a" + version.encode() + b"\0" + (1).to_bytes(4, "little")
    body = start + b"12345678\0" + low + b"\x2d\x02\0" + high + b"\x15" + bytes(10)
    return packet(0, body + b"123456789012\0" + b"mysql_native_password\0")


def text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


@dataclass
class Server:
    """Lets in whoever asks, knows no `with`, and keeps what it heard."""

    version: str = "5.7.44-log"
    #: A certificate and its key, with which it asks for the password as it is.
    identity: tuple[Path, Path] | None = None
    heard: list[str] = field(default_factory=list)
    passwords: list[bytes] = field(default_factory=list)
    clients: list[socket.socket] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> int:
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()
        return int(self.socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(timeout=5)
        for client in self.clients:
            client.close()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.talk, args=(client,), daemon=True))
            self.threads[-1].start()

    def talk(self, client: Any) -> None:
        client.settimeout(20)
        self.clients.append(client)
        with contextlib.suppress(OSError, EOFError):
            client.sendall(greeting(self.identity is not None, self.version))
            number, _ = self.read(client)
            if self.identity is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.identity)
                client = context.wrap_socket(client, server_side=True)
                self.clients.append(client)
                number, _ = self.read(client)
                client.sendall(packet(number + 1, b"\xfemysql_clear_password\0"))
                number, password = self.read(client)
                self.passwords.append(password)
            client.sendall(packet(number + 1, b"\0\0\0\x02\0\0\0"))
            while True:
                _, command = self.read(client)
                if command[0] != 3:
                    return
                self.heard.append(command[1:].decode())
                self.answer(client, [part.strip() for part in self.heard[-1].split(";") if part.strip()])

    def answer(self, client: Any, statements: list[str]) -> None:
        number, out = 1, b""
        for at, statement in enumerate(statements):
            more = (2 | (MORE if at + 1 < len(statements) else 0)).to_bytes(2, "little")
            statement = re.sub(r"/\*.*?\*/", "", statement, flags=re.DOTALL).strip()
            if statement.startswith("with "):
                out += packet(number, b"\xff" + (1064).to_bytes(2, "little") + b"#42000You have an error in your SQL")
                break
            if not statement.startswith("select "):
                out += packet(number, b"\0\0\0" + more + b"\0\0")
                number += 1
                continue
            columns = [column.strip() for column in statement.removeprefix("select ").split(",")]
            bodies = [bytes([len(columns)])]
            for column in columns:
                names = text("def") + text("") * 3 + text(column) * 2
                bodies.append(names + b"\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0")
            bodies += [b"\xfe\0\0" + more, b"".join(text(self.value(column)) for column in columns)]
            for body in [*bodies, b"\xfe\0\0" + more]:
                out += packet(number, body)
                number += 1
        client.sendall(out)

    def value(self, column: str) -> str:
        return self.version if column == "version()" else VALUES.get(column, column.split(" ")[0])

    def read(self, client: Any) -> tuple[int, bytes]:
        head = self.exactly(client, 4)
        return head[3], self.exactly(client, int.from_bytes(head[:3], "little"))

    @staticmethod
    def exactly(client: Any, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = client.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data
