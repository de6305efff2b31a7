"""A server of public keys over HTTPS."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from authority import Authority


class KeyServer:
    """Answers with what it is told to, and counts."""

    def __init__(self) -> None:
        self.url, self.asked = "", 0
        self.status, self.document = 200, b""
        self.go = threading.Event()
        """While it is not set, nothing is answered."""
        self.go.set()


@contextmanager
def serving_keys(authority: Authority, folder: Path, name: str = "dns:localhost") -> Iterator[KeyServer]:
    state = KeyServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as the base class calls it
            state.asked += 1
            state.go.wait(30)
            self.send_response(state.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(state.document)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:  # who asks may have gone
            pass

    files = authority.files(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        state.url = f"https://localhost:{server.server_port}/.well-known/jwks.json"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            state.go.set()
            server.shutdown()
            thread.join()
