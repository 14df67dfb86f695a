"""A service whose functions take known parts of a request; FAULT=NAME:FACTOR makes one of them slower."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

name, _, factor = os.environ.get("FAULT", "").partition(":")
FACTORS = {name: float(factor or 1)}


def rounds(function, usual):
    return int(usual * FACTORS.get(function, 1))


def parse():
    total = 0
    for number in range(rounds("parse", 2000)):
        total += number ^ 5
    return total


def query():
    rows = []
    for number in range(rounds("query", 1500)):
        rows.append((number, number * 31 % 7))
    return rows


def serialize(rows):
    parts = []
    for number in range(rounds("serialize", 1500)):
        parts.append(str(rows[number % 100]))
    return json.dumps(parts[:20]).encode()


def respond():
    parse()
    return serialize(query())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet.
    wbufsize = -1

    def do_GET(self):
        body = respond()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
