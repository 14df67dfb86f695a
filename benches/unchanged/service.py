"""Services of ten kinds, by the standard library alone: service.py KIND HOST PORT."""

import gzip
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
TOKEN = "s3cret"
BIG = b"x" * (1 << 20)
TEXT = json.dumps({"items": list(range(200)), "state": "fine"}).encode()
numbers = iter(range(1 << 60))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0" if KIND == "http10" else "HTTP/1.1"
    # A head and a body in two segments wait for an acknowledgement otherwise.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"ok", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if KIND != "http10":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if KIND == "failing" and next(numbers) % 50 == 49:
            self.answer(500, b"down")
        elif KIND == "slow":
            time.sleep(0.3)
            self.answer(200)
        elif KIND == "redirecting":
            self.answer(302, b"", Location="/elsewhere")
        elif KIND == "gzip":
            self.answer(200, gzip.compress(TEXT), Content_Encoding="gzip")
        elif KIND == "login" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, b"who?")
        elif KIND == "post":
            self.answer(405, b"", Allow="POST")
        elif KIND == "closing":
            self.answer(200, Connection="close")
        elif KIND == "big":
            self.answer(200, BIG)
        elif KIND == "streaming":
            self.stream()
        else:
            self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if KIND == "login":
            self.answer(200, json.dumps({"token": TOKEN}).encode())
        elif KIND == "post":
            self.answer(201, body)
        else:
            self.answer(405, b"", Allow="GET")

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(10):
            self.wfile.write(b"400\r\n" + b"y" * 1024 + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


threading.stack_size(256 * 1024)
Server((HOST, PORT), Handler).serve_forever()
