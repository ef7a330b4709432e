"""Where a test's messages arrive: a web server and a mail server on loopback that keep what they are sent."""

from __future__ import annotations

import email
import email.policy
import itertools
import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a web server was asked.

    Args:
        path: of the address.
        bearer: the token that came with it; empty without one.
        body: the JSON that was sent.
    """

    path: str
    bearer: str
    body: dict[str, Any]


@contextmanager
def web_receiver(answer: object = None, busy: Sequence[int] = ()) -> Iterator[tuple[int, list[Request]]]:
    """A web server: its port, and what was sent to it.

    Args:
        answer: what it answers, as JSON.
        busy: the places, among all requests from 0, of those that it forgets, and answers with 503.
    """
    sent: list[Request] = []
    places = itertools.count()

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.keep()

        def do_PATCH(self) -> None:
            self.keep()

        def keep(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            is_busy = next(places) in busy
            if not is_busy:
                sent.append(Request(self.path, bearer, body))
            told = json.dumps(answer).encode()
            self.send_response(503 if is_busy else 200)
            if is_busy:
                self.send_header("Retry-After", "3600")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Keep)) as port:
        yield port, sent


@contextmanager
def mail_receiver() -> Iterator[tuple[int, list[email.message.EmailMessage]]]:
    """A mail server, as much of RFC 5321 as a sender needs: its port, and the mails that were sent to it."""
    mails: list[email.message.EmailMessage] = []

    class Keep(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline().strip().upper():
                if line.startswith(b"DATA"):
                    self._say("354 go on")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                    mails.append(mail)
                self._say("221 bye" if line.startswith(b"QUIT") else "250 well")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Keep)) as port:
        yield port, mails


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
