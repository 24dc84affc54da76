"""A real PostgreSQL for tests: made in a temporary folder, on a free port of this machine, gone when the tests end.

The server refuses to run as root, so root starts it as another user.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/pgsql/bin")


@dataclass(frozen=True)
class Server:
    """A server that is running."""

    port: int
    user: str
    password: str

    @property
    def url(self):
        """Its address without credentials."""
        return f"postgresql+psycopg://127.0.0.1:{self.port}/postgres"

    def do(self, *statements):
        """Execute statements as its owner."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=self.user, password=self.password, dbname="postgres", autocommit=True
        ) as connection:
            return [
                connection.execute(s).fetchall() if s.startswith("SELECT") else connection.execute(s)
                for s in statements
            ]


def programs():
    """The folder of initdb and pg_ctl; None where there is none."""
    found = [Path(p).resolve().parent for p in [shutil.which("pg_ctl")] if p]
    found += [p for place in PLACES for p in sorted(Path("/").glob(place.lstrip("/")), reverse=True)]
    return next((p for p in found if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)


@contextlib.contextmanager
def running():
    """A server; without the programs the test is skipped, and fails where CI=true."""
    folder = programs()
    if folder is None:
        reason = "PostgreSQL is not installed (initdb and pg_ctl): apt-get install postgresql."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    place = Path(tempfile.mkdtemp(prefix="scale-impact-pg-", dir="/tmp"))
    try:
        with _started(folder, place) as server:
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _started(folder, place):
    account = _account()
    password, port = secrets.token_hex(12), _free_port()
    (place / "password").write_text(password)
    if account:
        for path in (place, place / "password"):
            os.chown(path, account.pw_uid, account.pw_gid)
    who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    data = place / "data"

    def call(program, *arguments):
        done = subprocess.run(
            [folder / program, *map(str, arguments)], cwd=place, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "LC_ALL": "C", "HOME": str(place)}, **who,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    call(
        "initdb", "-D", data, "-U", "owner", f"--pwfile={place / 'password'}", "--auth=scram-sha-256", "--encoding=UTF8",
        "--locale=C", "--no-sync",
    )  # fmt: skip
    options = (
        f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=20"
    )
    call("pg_ctl", "-D", data, "-w", "-t", "60", "-l", place / "log", "-o", options, "start")
    try:
        yield Server(port, "owner", password)
    finally:
        call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _account():
    """Whom root starts the server as."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.skip("root cannot start PostgreSQL itself, and there is no user postgres or nobody.")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
