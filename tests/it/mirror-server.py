#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web server of a folder that serves it well or lies, as the first part of a path says.

  mirror-server.py DIR PORT-FILE [CERTIFICATE KEY]     on a port of 127.0.0.1 that it chooses

/good/NAME is right.  Every other word breaks one thing, of archives alone where an index has to come first: see `lies`.
What was asked for is a line of PORT-FILE.log: WORD NAME RANGE BYTES.  It is a proxy for any name as well.
"""
import http.server
import os
import ssl
import sys
import time

folder, port_file = sys.argv[1:3]
log = open(port_file + ".log", "a", buffering=1)
asked = {}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def part(self, size):
        """What the request wants: (start, end, whether it said so)."""
        text = self.headers.get("Range")
        if not text or not text.startswith("bytes="):
            return 0, size, False
        first, last = text[6:].split("-")
        return int(first), min(int(last) + 1 if last else size, size), True

    def give(self, data, start, end, is_part, size=None, headers=(), length=None):
        body = data[start:end]
        self.send_response(206 if is_part else 200)
        if is_part:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, end - 1, size or len(data)))
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("ETag", '"%d"' % len(data))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        return body

    def send(self, body, name):
        sent = 0
        try:
            while sent < len(body):
                sent += self.connection.send(body[sent:sent + 65536])
        finally:
            log.write("%s %s %s %d\n" % (self.word, name, self.headers.get("Range", "-"), sent))

    def close(self):
        self.close_connection = True

    def do_GET(self):
        if self.path.startswith("http://"):  # as of a proxy
            self.path = "/" + self.path.split("/", 3)[3]
        _, self.word, name = self.path.split("/", 2)
        path = os.path.join(folder, name)
        if name == "" or "/" in name or not os.path.isfile(path):
            return self.send_error(404)
        data = open(path, "rb").read()
        asked[self.word, name] = asked.get((self.word, name), 0) + 1
        lie = getattr(self, "lie_" + self.word.replace("-", "_"), None) if ".tar.zst" in name or self.word.startswith("all-") else None
        if lie:
            return lie(data, name)
        return self.right(data, name)

    def right(self, data, name):
        start, end, is_part = self.part(len(data))
        if start >= len(data):
            return self.send_error(416)
        self.send(self.give(data, start, end, is_part), name)

    # ---- lies ----

    def lie_cuts(self, data, name):  # every answer ends after 1 MiB
        start, end, is_part = self.part(len(data))
        self.send(self.give(data, start, end, is_part)[:1 << 20], name)
        self.close()

    def lie_gone(self, data, name):  # the first few bytes, then never anything again
        if asked[self.word, name] > 3:
            return self.send_error(503)
        start, end, is_part = self.part(len(data))
        self.send(self.give(data, start, end, is_part)[:3 << 20], name)
        self.close()

    def lie_no_ranges(self, data, name):  # the whole, whatever is asked for
        self.send(self.give(data, 0, len(data), False), name)

    def lie_no_ranges_cuts(self, data, name):  # likewise, and the first one ends in the middle
        self.send(self.give(data, 0, len(data), False)[:None if asked[self.word, name] > 2 else len(data) // 2], name)
        self.close()

    def lie_long(self, data, name):  # says that the file is longer
        start, end, is_part = self.part(len(data))
        self.send(self.give(data, start, end, is_part, len(data) + 1000, length=None if is_part else len(data) + 1000), name)
        self.close()

    def lie_other(self, data, name):  # a bit is another
        start, end, is_part = self.part(len(data))
        data = bytearray(data)
        data[len(data) // 2] ^= 1
        self.send(self.give(bytes(data), start, end, is_part), name)

    def lie_shifted(self, data, name):  # another part than was asked for
        start, end, is_part = self.part(len(data))
        start = max(start - 7, 0) if is_part else 7
        self.send(self.give(data, start, end, True), name)

    def lie_file(self, data, name):  # leads to a file of the machine
        self.redirect("file://" + os.path.join(os.path.abspath(folder), name))

    def lie_round(self, data, name):  # leads to itself
        self.redirect(self.path)

    def lie_moved(self, data, name):  # leads to where it is right
        self.redirect("/good/" + name)

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def lie_416(self, data, name):
        self.send_error(416)

    def lie_packed(self, data, name):  # says that it packed it
        start, end, is_part = self.part(len(data))
        self.send(self.give(data, start, end, is_part, headers=(("Content-Encoding", "gzip"),)), name)

    def lie_trickles(self, data, name):  # a byte a second
        start, end, is_part = self.part(len(data))
        for byte in self.give(data, start, end, is_part):
            self.connection.send(bytes((byte,)))
            time.sleep(1)

    def lie_all_trickles(self, data, name):
        self.lie_trickles(data, name)

    def lie_all_murmurs(self, data, name):  # a byte a second from its first header on
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
            self.connection.send(bytes((byte,)))
            time.sleep(1)

    def lie_all_drips(self, data, name):  # never ends, with just more than what is too slow
        self.send_response(200)
        self.end_headers()
        self.close()
        while True:
            self.connection.send(b"x" * 800)
            time.sleep(1)

    def lie_slow(self, data, name):  # 2 MiB a second
        start, end, is_part = self.part(len(data))
        body = self.give(data, start, end, is_part)
        for at in range(0, len(body), 1 << 18):
            self.connection.sendall(body[at:at + (1 << 18)])
            time.sleep(0.125)

    def lie_all_endless(self, data, name):  # never ends, and does not say how long it is
        self.send_response(200)
        self.end_headers()
        self.close()
        while True:
            self.connection.send(b"x" * 65536)

    def lie_endless(self, data, name):
        self.lie_all_endless(data, name)

    def lie_busy(self, data, name):  # comes back in a second
        if asked[self.word, name] % 2:
            self.send_response(503)
            self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.right(data, name)


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(port_file + ".new", "w") as out:
    out.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
