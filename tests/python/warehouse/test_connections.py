"""How sessions are opened: TLS, certificates, login plugins, time-outs. On servers of the test's own."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import headwater as hw
import pytest
from conftest import Warehouse, kinds, write_project
from oldserver import Server, greeting, packet
from private import private_server, tcp

SERVERS = [kind for kind in kinds() if kind != "duckdb"]
CIPHER = "select variable_value from {} where variable_name = 'Ssl_version'"


def openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def make_ca(folder: Path, name: str) -> None:
    subject = ["-subj", f"/CN={name}", "-days", "2", "-nodes"]
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-keyout", f"{name}.key", "-out", f"{name}.pem", *subject)


def make_cert(folder: Path, name: str, ca: str, *names: str) -> None:
    openssl(
        folder,
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        f"{name}.key",
        "-out",
        f"{name}.csr",
        "-subj",
        f"/CN={name}",
    )
    (folder / f"{name}.ext").write_text(
        f"subjectAltName={','.join(names)}\n" if names else "keyUsage=digitalSignature\n"
    )
    signed = ["-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext"]
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)


@dataclass
class Secured:
    """A server with a certificate for `localhost`, and the files around it."""

    warehouse: Warehouse
    files: Path

    def project(self, folder: Path, **entries: object) -> hw.Project:
        self.count = getattr(self, "count", 0) + 1
        paths = {
            key: str(self.files / str(value))
            for key, value in entries.items()
            if key in ("ssl_ca", "ssl_cert", "ssl_key")
        }
        return hw.Project(write_project(folder / f"shop{self.count}", {}, tcp(self.warehouse, **{**entries, **paths})))

    def version(self, folder: Path, **entries: object) -> str:
        """The TLS version of a session; empty without TLS."""
        table = (
            "information_schema.session_status"
            if self.warehouse.kind == "mariadb"
            else "performance_schema.session_status"
        )
        return str(self.project(folder, **entries).query(CIPHER.format(table)).fetchall()[0][0])

    def refusal(self, folder: Path, **entries: object) -> hw.DatabaseError:
        with pytest.raises(hw.DatabaseError) as refused:
            self.version(folder, **entries)
        assert refused.value.code == "connection"
        return refused.value


@pytest.fixture(scope="module", params=SERVERS)
def secured(request: pytest.FixtureRequest) -> Iterator[Secured]:
    with tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name:
        folder = Path(name)
        for ca in ("ca", "other"):
            make_ca(folder, ca)
        make_cert(folder, "server", "ca", "DNS:localhost", "DNS:db.example")
        make_cert(folder, "client", "ca")
        make_cert(folder, "stranger", "other")
        flags = [f"--ssl-ca={folder}/ca.pem", f"--ssl-cert={folder}/server.pem", f"--ssl-key={folder}/server.key"]
        if request.param == "mysql":
            flags.append("--performance-schema=ON")
        with private_server(request.param, folder, *flags) as warehouse:
            for user, needs in (("plain", ""), ("secret", "require ssl"), ("known", "require x509")):
                warehouse.rows(f"create user {user}@'%' identified by 's3cret-pass' {needs}")
                warehouse.rows(f"grant all on *.* to {user}@'%'")
            yield Secured(warehouse, folder)


def test_modes_of_tls_check_what_they_say(secured: Secured, tmp_path: Path):
    assert secured.version(tmp_path, ssl_mode="disabled") == ""
    assert secured.version(tmp_path, ssl_disabled=True) == ""
    for mode in ("preferred", "required"):
        assert secured.version(tmp_path, ssl_mode=mode).startswith("TLSv1.")
    # The certificate is for `localhost`, and 127.0.0.1 is something else.
    assert secured.version(tmp_path, ssl_mode="verify_ca", ssl_ca="ca.pem").startswith("TLSv1.")
    assert secured.version(tmp_path, ssl_mode="verify-identity", ssl_ca="ca.pem", host="localhost").startswith("TLSv1.")

    name = secured.refusal(tmp_path, ssl_mode="verify_identity", ssl_ca="ca.pem")
    assert "certificate is not for `127.0.0.1`" in str(name)
    assert "localhost" in str(name)
    assert "`ssl_mode: verify_ca`" in str(name)
    for entries in ({"ssl_ca": "other.pem"}, {"ssl_mode": "verify_ca"}):
        stranger = str(secured.refusal(tmp_path, **entries))
        assert "not signed by a CA that we know (`ssl_mode: verify_ca`)" in stranger
        assert "`ssl_ca`" in stranger
    assert "`ssl_ca` cannot be read" in str(secured.refusal(tmp_path, ssl_ca="none.pem"))
    assert "`ssl_ca` holds no certificate" in str(secured.refusal(tmp_path, ssl_ca="ca.key"))


def test_users_may_need_tls_and_certificates(secured: Secured, tmp_path: Path):
    login = {"password": "s3cret-pass"}
    identity = {"ssl_cert": "client.pem", "ssl_key": "client.key"}
    assert secured.version(tmp_path, username="secret", **login) != ""
    assert secured.version(tmp_path, username="known", **login, **identity) != ""

    for user, entries in (("secret", {"ssl_mode": "disabled"}), ("known", {})):
        refused = secured.refusal(tmp_path, username=user, **login, **entries)
        assert "Access denied" in str(refused)
        assert "`require x509`" in str(refused)
        assert "s3cret" not in str(refused) + repr(refused)
    wrong = secured.refusal(tmp_path, username="known", ssl_cert="stranger.pem", ssl_key="stranger.key", **login)
    assert "certificate" in str(wrong)
    assert "`ssl_key` holds no private key" in str(
        secured.refusal(tmp_path, username="known", ssl_cert="client.pem", ssl_key="client.pem", **login)
    )


def test_passwords_reach_the_server_with_tls_and_without(secured: Secured, tmp_path: Path):
    """caching_sha2_password asks for a key or TLS the first time, for a hash after that; ed25519 is MariaDB's."""
    plugins = {"mysql": ["caching_sha2_password", "sha256_password"], "mariadb": ["mysql_native_password", "ed25519"]}
    if secured.warehouse.kind == "mariadb":
        secured.warehouse.rows("install soname 'auth_ed25519'")
    for plugin in plugins[secured.warehouse.kind]:
        if secured.warehouse.kind == "mysql":
            secured.warehouse.rows(f"create user {plugin}@'%' identified with {plugin} by 's3cret-pass'")
        else:
            secured.warehouse.rows(f"create user {plugin}@'%' identified via {plugin} using password('s3cret-pass')")
        secured.warehouse.rows(f"grant all on *.* to {plugin}@'%'")
        for mode in ("disabled", "disabled", "required"):
            entries = {"username": plugin, "password": "s3cret-pass", "ssl_mode": mode}
            if plugin == "sha256_password":
                refused = str(secured.refusal(tmp_path, **entries))
                assert "`sha256_password` is not supported" in refused
                assert "`caching_sha2_password`" in refused
            else:
                assert (secured.version(tmp_path, **entries) != "") == (mode == "required")


def test_a_unix_socket_says_who_one_is(secured: Secured, tmp_path: Path):
    """root of the machine, without any password: `unix_socket` of MariaDB, `auth_socket` of MySQL."""
    server = secured.warehouse
    if server.kind == "mysql":
        server.rows("install plugin auth_socket soname 'auth_socket.so'")
    plugin, before = {
        "mariadb": ("via unix_socket", "via mysql_native_password using ''"),
        "mysql": ("with auth_socket", "with caching_sha2_password by ''"),
    }[server.kind]
    server.rows(f"alter user root@localhost identified {plugin}")
    try:
        project = hw.Project(write_project(tmp_path / "shop", {}, server.output))
        assert project.query("select current_user() as u").fetchall() == [("root@localhost",)]
    finally:
        server.rows(f"alter user root@localhost identified {before}")


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(tmp_path: Path):
    with listening(greeting(tls=False)) as port:
        project = hw.Project(write_project(tmp_path / "a", {}, {**FAKE, "port": port, "ssl_mode": "required"}))
        with pytest.raises(hw.DatabaseError, match="the server offers no TLS, and `ssl_mode: required` needs it"):
            project.query("select 1")
        assert "s3cret" not in str(project)


def test_preferred_goes_on_without_tls(tmp_path: Path):
    """The login goes on in clear: the next word of the client is its name."""
    heard = bytearray()
    with listening(greeting(tls=False), heard) as port:
        project = hw.Project(write_project(tmp_path / "a", {}, {**FAKE, "port": port, "retries": 0}))
        with pytest.raises(hw.DatabaseError):
            project.query("select 1")
    assert b"till\0" in heard


def test_a_silent_server_is_not_waited_for(tmp_path: Path):
    with listening(b"") as port:
        entries = {**FAKE, "port": port, "connect_timeout": 1, "retries": 0}
        project = hw.Project(write_project(tmp_path / "a", {}, entries))
        with pytest.raises(hw.DatabaseError, match="no answer within 1 s"):
            project.query("select 1")


def test_a_password_in_clear_is_sent_only_if_that_is_meant(tmp_path: Path):
    asks = greeting(tls=False) + packet(2, b"\xfemysql_clear_password\0")
    heard = bytearray()
    with listening(asks, heard) as port:
        project = hw.Project(write_project(tmp_path / "a", {}, {**FAKE, "port": port}))
        with pytest.raises(hw.DatabaseError, match="`enable_cleartext_plugin: true`"):
            project.query("select 1")
    assert b"s3cret" not in heard
    unsafe = {**FAKE, "enable_cleartext_plugin": True}
    with pytest.raises(hw.HeadwaterError, match="`ssl_mode` at least `required`"):
        hw.Project(write_project(tmp_path / "b", {}, unsafe)).query("select 1")


def test_a_password_in_clear_is_taken_by_a_server_that_asks_for_it(tmp_path: Path):
    """As with PAM, LDAP or a token of a cloud: the password arrives as it is, and only after TLS."""
    make_ca(tmp_path, "ca")
    make_cert(tmp_path, "server", "ca", "DNS:localhost")
    server = Server(version="8.4.0", identity=(tmp_path / "server.pem", tmp_path / "server.key"))
    with server as port:
        entries = {**FAKE, "host": "localhost", "port": port, "enable_cleartext_plugin": True}
        checked = {**entries, "ssl_mode": "verify_identity", "ssl_ca": str(tmp_path / "ca.pem")}
        project = hw.Project(write_project(tmp_path / "a", {}, checked))
        assert project.query("select 7").fetchall() == [("7",)]
        assert server.passwords
        assert set(server.passwords) == {b"s3cret-pass\0"}
        # One that cannot prove who it is gets no password.
        make_ca(tmp_path, "other")
        server.passwords.clear()
        stranger = {**checked, "ssl_ca": str(tmp_path / "other.pem")}
        with pytest.raises(hw.DatabaseError, match="not signed by a CA that we know"):
            hw.Project(write_project(tmp_path / "b", {}, stranger)).query("select 7")
        assert not server.passwords


@pytest.mark.skipif("mariadb" not in SERVERS, reason="MariaDB cannot be had here")
@pytest.mark.skipif(not os.access("/etc/pam.d", os.W_OK), reason="PAM's services belong to root")
def test_pam_takes_a_password_in_clear(tmp_path: Path):
    """With MariaDB's own plugin; the service of PAM is a script that knows one password."""
    with tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name:
        folder = Path(name)
        make_ca(folder, "ca")
        make_cert(folder, "server", "ca", "DNS:localhost")
        check = folder / "check"
        check.write_text('#!/bin/sh\nread -r password\n[ "$password" = s3cret-pass ]\n')
        check.chmod(0o755)
        folder.chmod(0o755)
        service = Path("/etc/pam.d") / folder.name
        service.write_text(f"auth required pam_exec.so expose_authtok quiet {check}\naccount required pam_permit.so\n")
        flags = [f"--ssl-cert={folder}/server.pem", f"--ssl-key={folder}/server.key", "--plugin-load-add=auth_pam_v1"]
        try:
            with private_server("mariadb", folder, *flags, "--pam-use-cleartext-plugin=ON") as server:
                server.rows(f"create user till@'%' identified via pam using '{folder.name}'")
                server.rows("grant all on *.* to till@'%'")
                entries = {"username": "till", "enable_cleartext_plugin": True, "ssl_mode": "required"}
                right = hw.Project(write_project(tmp_path / "a", {}, tcp(server, password="s3cret-pass", **entries)))
                assert right.query("select current_user() as u").fetchall() == [("till@%",)]
                wrong = hw.Project(write_project(tmp_path / "b", {}, tcp(server, password="s3cret", **entries)))
                with pytest.raises(hw.DatabaseError, match="Access denied"):
                    wrong.query("select 1")
        finally:
            service.unlink()


@pytest.mark.parametrize("kind", ["mysql", "mysql5"])
def test_a_server_of_5_7_is_refused_with_what_to_take_instead(tmp_path: Path, kind: str):
    server = Server()
    with server as port:
        output = {**FAKE, "type": kind, "port": port, "ssl_mode": "disabled"}
        project = hw.Project(write_project(tmp_path / "a", {"models/one.sql": "select 1 as n"}, output))
        with pytest.raises(hw.DatabaseError) as refused:
            project.run()
    told = str(refused.value)
    assert "MySQL 5.7.44-log knows no `with`, which models are compiled to" in told
    assert "take MySQL 8.0, MariaDB 10.6 or later as the target" in told
    assert not [sql for sql in server.heard if "create" in sql]


#: What a server says first to a user of each plugin, and what the refusal says to do.
PLUGINS = {
    "auth_gssapi_client": (b"service\0", b"", "alter the user on the server"),
    "dialog": (b"", b"", "`pam_use_cleartext_plugin=ON`"),
    "parsec": (b"n" * 32, packet(4, b"P\0" + b"s" * 18), "alter the user on the server"),
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_unknown_login_plugins_are_named(tmp_path: Path, plugin: str):
    data, more, help = PLUGINS[plugin]
    with listening(greeting(tls=False) + packet(2, b"\xfe" + plugin.encode() + b"\0" + data) + more) as port:
        project = hw.Project(write_project(tmp_path / "a", {}, {**FAKE, "port": port}))
        with pytest.raises(hw.DatabaseError) as refused:
            project.query("select 1")
    assert f"`{plugin}`" in str(refused.value)
    assert "is not supported" in str(refused.value)
    assert help in str(refused.value)


def test_mysql5_is_mysql_and_its_macros_are_found(server: Warehouse):
    """As dbt-mysql calls its adapter for 5.7; on a newer server it works as it always did."""
    if server.kind != "mysql":
        pytest.skip("the type is MySQL's")
    files = {
        "models/one.sql": "{{ config(materialized='table') }} select '{{ target.type }}' as kind, {{ hi() }} as words",
        "macros/hi.sql": "{% macro hi() %}{{ adapter.dispatch('greet')() }}{% endmacro %}"
        "{% macro default__greet() %}'default'{% endmacro %}{% macro mysql5__greet() %}'five'{% endmacro %}",
    }
    project = hw.Project(write_project(server.folder / "shop", files, {**server.output, "type": "mysql5"}))
    assert project.build().success
    assert server.rows(f"select kind, words from {server.schema}.one") == [("mysql5", "five")]


def test_columns_of_different_collations_are_explained(server: Warehouse):
    server.rows(f"create database {server.schema}")
    server.rows(f"create table {server.schema}.a (x varchar(9) collate utf8mb4_general_ci)")
    server.rows(f"create table {server.schema}.b (x varchar(9) collate utf8mb4_unicode_ci)")
    model = "{{ config(materialized='table') }} select a.x from {{ schema }}.a join {{ schema }}.b on a.x = b.x"
    results = server.project({"models/mixed.sql": model}).build()
    assert not results.success
    assert "`headwater debug` lists the collations" in results[0].explain()


def test_connecting_is_tried_again_and_the_first_error_told(server: Warehouse, tmp_path: Path):
    """A server that is just starting: nobody listens on its port at first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    entries = {**tcp(server), "port": port}
    never = hw.Project(write_project(tmp_path / "never", {}, {**entries, "retries": 0}))
    with pytest.raises(hw.DatabaseError, match=f"cannot connect to `127.0.0.1:{port}`"):
        never.query("select 1")

    real = tcp(server)["port"]
    relay = Relay(port, int(str(real)))
    timer = threading.Timer(0.6, relay.start)
    timer.start()
    try:
        project = hw.Project(write_project(tmp_path / "late", {}, {**entries, "retries": 6}))
        assert project.query("select 1 as n").fetchall() == [(1,)]
    finally:
        timer.join()
        relay.close()


FAKE = {"type": "mysql", "host": "127.0.0.1", "schema": "shop", "username": "till", "password": "s3cret-pass"}


class listening:
    """Answers every connection with fixed bytes, and keeps what it hears."""

    def __init__(self, says: bytes, heard: bytearray | None = None) -> None:
        self.says, self.heard = says, heard if heard is not None else bytearray()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.clients: list[socket.socket] = []

    def __enter__(self) -> int:
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return int(self.socket.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.clients.append(client)
            client.sendall(self.says)
            if not self.says:
                continue
            client.settimeout(2)
            try:
                self.heard += client.recv(4096)
                client.shutdown(socket.SHUT_WR)
                while more := client.recv(4096):
                    self.heard += more
            except OSError:
                pass

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for client in self.clients:
            client.close()
        self.thread.join(timeout=5)


class Relay:
    """Passes connections on to another port, from when it is started."""

    def __init__(self, port: int, to: int) -> None:
        self.port, self.to = port, to
        self.socket: socket.socket | None = None

    def start(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while self.socket is not None:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        b.close()

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
