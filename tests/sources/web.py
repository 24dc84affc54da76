"""A server on this machine that answers as tests say, over real connections."""

import hashlib
import http.server
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest


@dataclass
class Answer:
    """One answer: status, headers, body, and how it misbehaves on the way."""

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    length: int | None = ...
    chunked: bool = False
    cut: bool = False
    pause: float = 0.0
    before: float = 0.0
    drip: float = 0.0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        planned = self.server.answers.get(self.path.split("?")[0], [Answer(b"nothing here", 404)])
        answer = planned.pop(0) if len(planned) > 1 else planned[0]
        time.sleep(answer.before)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.length is not None:
            self.send_header("Content-Length", str(len(answer.body) if answer.length is ... else answer.length))
        if answer.cut or answer.length is None:
            self.send_header("Connection", "close")
        self.end_headers()
        self.send_body(answer)
        self.close_connection = answer.cut or answer.length is None

    def send_body(self, answer):
        half = len(answer.body) // 2
        if answer.drip:
            for k in range(len(answer.body)):
                self.wfile.write(answer.body[k : k + 1])
                time.sleep(answer.drip)
            return
        for part in (answer.body[:half], answer.body[half:]):
            if part:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if answer.chunked else part)
            self.wfile.flush()
            time.sleep(answer.pause)
            if answer.chunked and answer.cut:
                return
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        """Be quiet."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that went away is what some tests are about."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def paths(self):
        return [path for path, _ in self.asked]

    def plan(self, path, *answers):
        """What a path answers, one after the other; the last one for good."""
        self.answers[path] = [a if isinstance(a, Answer) else Answer(a) for a in answers]
        return self.address + path


@contextmanager
def serving():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked, server.answers = [], {}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def web():
    """A server of this machine, for one test."""
    with serving() as server:
        yield server


def digest(content):
    """SHA-256 of what a server gives."""
    return hashlib.sha256(content).hexdigest()
