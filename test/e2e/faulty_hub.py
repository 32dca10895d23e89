"""A hub that speaks Hugging Face's API on 127.0.0.1, and fails as it is told to.

Small files come from the hub itself with git's SHA-1 as their ETag, large ones by a redirect to a store
on another port, with X-Linked-Etag (SHA-256) and X-Linked-Size. `faults` is called with each request's
facts and names what goes wrong with it, or None.
"""
import hashlib
import json
import random
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
# What may go wrong with a request. Those of CONTENT make sense where a body is sent.
ANSWERS = ["429", "429-date", "429-wait", "500", "503", "408", "silence", "page"]
CONTENT = ["drop", "flip", "longer", "shorter", "whole", "other-part", "416", "close", "store-403"]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # a client that went away


class FaultyHub:
    """with FaultyHub({"org/name": {"config.json": b"…"}}) as hub: hub.url, hub.requests, hub.faults"""

    def __init__(self, repos, large=16 << 10, token=None, gated=(), stall=3):
        self.repos, self.large, self.token, self.gated, self.stall = repos, large, token, set(gated), stall
        self.faults = lambda facts: None
        self.random = random.Random(1)
        self.requests, self.lock = [], threading.Lock()
        self.moved = {}  # old repo: new one

    def __enter__(self):
        self.hub = Server(("127.0.0.1", 0), self.handler("hub"))
        self.store = Server(("127.0.0.1", 0), self.handler("store"))
        self.url = f"http://127.0.0.1:{self.hub.server_address[1]}"
        # Another host by name, another port too.
        self.store_url = f"http://localhost:{self.store.server_address[1]}"
        for server in (self.hub, self.store):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in (self.hub, self.store):
            server.shutdown()
            server.server_close()

    def handler(self, side):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                outer.answer(self, side)

            do_GET = do_HEAD

        return Handler

    def answer(self, request, side):
        facts = {"side": side, "method": request.command, "path": request.path,
                 "authorization": request.headers.get("Authorization"), "range": request.headers.get("Range")}
        with self.lock:
            fault = self.faults(facts)
            facts["fault"] = fault
            self.requests.append(facts)
        if fault in ANSWERS:
            return self.fail(request, fault)
        if side == "store":
            return self.send_blob(request, fault)
        parts = request.path.strip("/").split("/")
        if parts[:2] == ["api", "models"] and "revision" in parts:
            repo, revision = "/".join(parts[2:parts.index("revision")]), parts[-1]
            return self.send_revision(request, repo, revision, fault)
        if "resolve" in parts:
            at = parts.index("resolve")
            return self.send_file(request, "/".join(parts[:at]), parts[at + 1], parts[at + 2], fault)
        return self.reply(request, 404, b"not found")

    def fail(self, request, fault):
        if fault == "silence":
            time.sleep(self.stall)
            return self.cut(request)
        if fault == "page":  # of a network that asks to log in
            return self.reply(request, 200, b"<!DOCTYPE html><title>Log in</title>",
                              {"Content-Type": "text/html; charset=utf-8"})
        headers = {}
        if fault == "429-wait":
            headers["Retry-After"] = "1"
        elif fault == "429":
            headers["Retry-After"] = "0"
        elif fault == "429-date":
            headers["Retry-After"] = "Wed, 21 Oct 2015 07:28:00 GMT"  # past: at once
        return self.reply(request, int(fault[:3]), b"try again", headers)

    def reply(self, request, status, body=b"", headers=None, length=None):
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def cut(self, request):
        """Ends the connection so that the client sees a reset."""
        try:
            request.wfile.flush()
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
        except OSError:
            pass
        request.close_connection = True

    def allowed(self, request, repo):
        given = request.headers.get("Authorization")
        if self.token and given not in (None, f"Bearer {self.token}"):
            self.reply(request, 401, b"bad token")
        elif repo in self.gated and given is None:
            self.reply(request, 401, b"gated", {"X-Error-Code": "GatedRepo"})
        elif repo in self.gated and given != f"Bearer {self.token}":
            self.reply(request, 403, b"gated", {"X-Error-Code": "GatedRepo"})
        else:
            return True
        return False

    def send_revision(self, request, repo, revision, fault):
        if repo in self.moved:
            where = f"/api/models/{self.moved[repo]}/revision/{revision}"
            return self.reply(request, 307, headers={"Location": where})
        if repo not in self.repos:  # as the hub does without a token
            return self.reply(request, 401, b"{}", {"X-Error-Code": "RepoNotFound"})
        if not self.allowed(request, repo):
            return None
        if revision not in ("main", COMMIT):
            return self.reply(request, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        body = json.dumps({"id": repo, "sha": COMMIT,
                           "siblings": [{"rfilename": name} for name in self.repos[repo]]}).encode()
        return self.send_body(request, body, {}, fault if fault in ("drop", "close") else None)

    def send_file(self, request, repo, revision, name, fault):
        if repo in self.moved:
            where = f"/{self.moved[repo]}/resolve/{revision}/{name}"
            return self.reply(request, 307, headers={"Location": where})
        body = self.repos.get(repo, {}).get(name)
        if body is None or revision not in ("main", COMMIT):
            return self.reply(request, 404, b"Entry not found", {"X-Error-Code": "EntryNotFound"})
        if not self.allowed(request, repo):
            return None
        if len(body) < self.large:
            sha1 = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
            return self.send_body(request, body, {"ETag": f'"{sha1}"', "X-Repo-Commit": COMMIT}, fault)
        headers = {"X-Linked-Etag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Linked-Size": str(len(body)),
                   "X-Repo-Commit": COMMIT, "Location": f"{self.store_url}/{repo}/{name}"}
        return self.reply(request, 302, b"Found", headers)

    def send_blob(self, request, fault):
        repo, _, name = request.path.strip("/").rpartition("/")
        if fault == "store-403":
            return self.reply(request, 403, b"this address is too old")
        return self.send_body(request, self.repos[repo][name], {"ETag": '"an-etag-of-the-store"'}, fault)

    def send_body(self, request, body, headers, fault):
        begin, status = 0, 200
        wanted = request.headers.get("Range")
        if wanted and fault != "whole":
            begin, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
        if fault == "416" or begin > len(body) or (wanted and begin == len(body)):
            return self.reply(request, 416, b"")
        if status == 206:
            shown = max(begin - 1, 0) if fault == "other-part" else begin
            headers["Content-Range"] = f"bytes {shown}-{len(body) - 1}/{len(body)}"
        part = body[begin:]
        if request.command == "HEAD":
            return self.reply(request, status, headers=headers, length=len(part))
        if fault == "flip" and part:
            at = self.random.randrange(len(part))
            part = part[:at] + bytes([part[at] ^ 1 << self.random.randrange(8)]) + part[at + 1:]
        elif fault == "longer":
            part += b"x" * self.random.randrange(1, 5000)
        elif fault == "shorter":
            part = part[:self.random.randrange(len(part) + 1)]
        if fault == "close":  # no length: the end is where the connection ends, perhaps too early
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Connection", "close")
            request.end_headers()
            request.wfile.write(part[:self.random.randrange(len(part) + 1)])
            request.close_connection = True
            return None
        if fault != "drop":
            return self.reply(request, status, part, headers)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(part)))
        request.end_headers()
        request.wfile.write(part[:self.random.randrange(len(part) + 1)])
        return self.cut(request)
