"""A web server on loopback whose answers a test chooses."""

import contextlib
import http.server
import json
import ssl
import threading


@contextlib.contextmanager
def fake(answer, certificate=None, with_headers=False, with_body=False):
    """Gives HOST:PORT. `answer` gets method and path, and the headers and the body if asked for; it returns a status and a text, or what becomes JSON."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self):
            received = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.command, self.path, *([self.headers] if with_headers else []), *([received] if with_body else []))
            raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_PUT = do_POST = do_DELETE = reply

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
