"""A Hugging Face Hub on this machine, which can also fail, stall and lie.

From Python: `with HubServer(folder, behaviours) as hub: hub.endpoint, hub.requests`. From elsewhere:
`hub_server.py FOLDER [BEHAVIOUR...]` prints its endpoint, writes each request as a line of JSON to
FOLDER/requests.jsonl, and ends with its standard input.

FOLDER/<owner>/<model>/<file> is served as branch main of owner/model. Files named in LFS are, as on the Hub, announced by
a redirect with X-Linked-* headers and lie on another host (the second port, which knows no tokens).
"""

import hashlib
import http.server
import json
import pathlib
import re
import sys
import threading
import urllib.parse

LFS = {"model.safetensors", "pytorch_model.bin"}
TOKEN = "hf_secret"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIVE_UP = 60  # seconds after which a stalled answer ends although nobody has hung up


class Behaviours:
    """What differs from a good server, by name:

    fail-twice      the first two requests for each address get status 500
    fail            every request gets status 503
    cut             an answer from byte 0 breaks off in the middle; a range comes whole
    cut-always      every answer breaks off after a few bytes
    no-ranges       ranges are ignored (status 200)
    other-range     ranges are answered with the beginning of the file
    stall           an answer from byte 0 stops in the middle and keeps the connection
    flip            the last byte of weights is another
    flip-config     the last byte of config.json is another
    endless         weights go on for ever
    token           who lacks the token gets 401, RepoNotFound
    gated           everybody gets 403, GatedRepo
    forbidden       everybody gets 403
    renamed         addresses of owner/old redirect to owner/tiny on the same host, without naming it
    head-loop       HEAD redirects to itself
    get-loop        the host of weights redirects to itself
    redirect-get    GET of config.json, but not HEAD, redirects to the other host
    file-address    weights are said to be at file:///etc/hostname
    expired         the host of weights answers the first request with 403
    path-commit, path-etag, no-commit, no-etag, no-size, odd-etag, large-size, huge-size, huge-headers   headers of files
    """

    def __init__(self, names):
        self.names = set(names)
        self.counts = {}

    def __contains__(self, name):
        return name in self.names

    def count(self, key):
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key]


def etag_of(name, content):
    if name in LFS:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    # -------------------------------------------------------------------------------- requests

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        hub, behaviours = self.server.hub, self.server.hub.behaviours
        hub.note(self)
        self.path = re.sub("^http://[^/]*", "", self.path)  # what a proxy is asked for
        if "fail" in behaviours or ("fail-twice" in behaviours and behaviours.count(self.path) <= 2):
            return self.refuse(503 if "fail" in behaviours else 500)
        if self.server is hub.storage:
            return self.answer_storage()
        if self.path.startswith("/api/models/"):
            return self.answer_api()
        return self.answer_resolve()

    def answer_api(self):
        """Facts about a model, which huggingface_hub's snapshot_download asks for."""
        model = "/".join(self.path.split("/")[3:5])
        files = sorted(path.name for path in (self.server.hub.folder / model).iterdir())
        text = json.dumps({"id": model, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}).encode()
        self.send(200, {"Content-Type": "application/json", "Content-Length": len(text)}, text)

    def answer_resolve(self):
        hub, behaviours = self.server.hub, self.server.hub.behaviours
        parts = urllib.parse.unquote(self.path).split("/")
        if len(parts) < 6 or parts[3] != "resolve":
            return self.refuse(404, "RepoNotFound")
        model, revision, name = "/".join(parts[1:3]), "/".join(parts[4:-1]), parts[-1]
        if "token" in behaviours and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401, "RepoNotFound")
        if "gated" in behaviours or "forbidden" in behaviours:
            return self.refuse(403, "GatedRepo" if "gated" in behaviours else None)
        if "head-loop" in behaviours:
            return self.send(307, {"Location": self.path, "Content-Length": 0})
        if "renamed" in behaviours and model == "owner/old":
            return self.send(307, {"Location": self.path.replace("old", "tiny"), "Content-Length": 0})
        if not (hub.folder / model).is_dir():
            return self.refuse(401 if not self.headers.get("Authorization") else 404, "RepoNotFound")
        if revision not in ("main", "refs/pr/1", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        file = hub.folder / model / name
        if not file.is_file():
            return self.refuse(404, "EntryNotFound")
        content = file.read_bytes()
        headers = self.headers_of(name, content)
        if name in LFS:
            location = f"http://127.0.0.1:{hub.storage.server_port}/{model}/{name}?signed"
            headers["Location"] = "file:///etc/hostname" if "file-address" in behaviours else location
            return self.send(302, headers)
        if "redirect-get" in behaviours and name == "config.json" and self.command == "GET":
            return self.send(302, {"Location": f"http://127.0.0.1:{hub.storage.server_port}/{model}/{name}", "Content-Length": 0})
        if "flip-config" in behaviours and name == "config.json":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send(200, headers, content)

    def headers_of(self, name, content):
        behaviours = self.server.hub.behaviours
        commit = "../../../../outside" if "path-commit" in behaviours else COMMIT
        etag = "../../../../outside" if "path-etag" in behaviours else etag_of(name, content)
        if "odd-etag" in behaviours:
            etag = "5f-12ab"
        size = 1 << 63 if "huge-size" in behaviours else 1 << 50 if "large-size" in behaviours else len(content)
        headers = {"X-Repo-Commit": commit}
        headers |= {"Content-Length": size, "ETag": f'"{etag}"'} if name not in LFS else {
            "Content-Length": 0, "X-Linked-Size": size, "X-Linked-Etag": f'"{etag}"', "ETag": '"of-the-redirect"'}
        for behaviour, names in {"no-commit": ["X-Repo-Commit"], "no-etag": ["ETag", "X-Linked-Etag"],
                                 "no-size": ["Content-Length", "X-Linked-Size"]}.items():
            if behaviour in behaviours:
                for header in names:
                    headers.pop(header, None)
        return headers

    def answer_storage(self):
        hub, behaviours = self.server.hub, self.server.hub.behaviours
        if "get-loop" in behaviours:
            return self.send(302, {"Location": self.path, "Content-Length": 0})
        if "expired" in behaviours and behaviours.count("expired") == 1:
            return self.refuse(403)
        content = (hub.folder / self.path.split("?")[0][1:]).read_bytes()
        if "flip" in behaviours:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if "endless" in behaviours:
            return self.send_endlessly(content)
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        if "no-ranges" in behaviours:
            start = 0
        if start > 0 and start >= len(content):
            return self.refuse(416)
        first = 0 if "other-range" in behaviours else start
        headers = {"Content-Length": len(content) - first}
        if start > 0:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        part = content[first:]
        if start == 0 and ("cut" in behaviours or "stall" in behaviours):
            part = part[: len(part) // 2]
        if "cut-always" in behaviours:
            part = part[:10]
        self.send(206 if start > 0 else 200, headers, part)
        if len(part) < len(content) - first:
            if "stall" in behaviours:
                self.connection.settimeout(GIVE_UP)
                self.connection.recv(1)  # until the other side hangs up
            self.close_connection = True

    # -------------------------------------------------------------------------------- answers

    def send(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        if "huge-headers" in self.server.hub.behaviours:
            for number in range(4000):
                self.send_header(f"X-Filler-{number}", "x" * 100)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, status, code=None):
        self.send(status, {"Content-Length": 0, **({"X-Error-Code": code} if code else {})})

    def send_endlessly(self, content):
        self.send(200, {"Transfer-Encoding": "chunked"})
        while self.command == "GET":
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub):
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # clients may hang up as they like
            super().handle_error(request, client_address)


class HubServer:
    def __init__(self, folder, behaviours=()):
        self.folder = pathlib.Path(folder)
        self.behaviours = Behaviours(behaviours)
        self.requests = []
        self.on_request = None
        self.main = Server(self)
        self.storage = Server(self)
        self.endpoint = f"http://127.0.0.1:{self.main.server_port}"

    def note(self, handler):
        self.requests.append({
            "host": "storage" if handler.server is self.storage else "endpoint", "method": handler.command,
            "path": handler.path, "range": handler.headers.get("Range", ""),
            "authorization": handler.headers.get("Authorization", "")})
        if self.on_request:
            self.on_request(self.requests[-1])

    def __enter__(self):
        for server in (self.main, self.storage):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in (self.main, self.storage):
            server.shutdown()
            server.server_close()


def main():
    hub = HubServer(sys.argv[1], sys.argv[2:])
    with hub, open(hub.folder / "requests.jsonl", "w", buffering=1) as log:
        hub.on_request = lambda request: log.write(json.dumps(request) + "\n")
        sys.stdout.write(hub.endpoint + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
