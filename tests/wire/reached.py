"""How a request comes: again, late, through a proxy, packed. And what becomes of what is packed too well."""

import contextlib
import gzip
import http.client
import http.server
import json
import threading
import time

from plane import started
from signed import Request

BEAT = {"Namespace": "Agent/Reacher", "MetricData": [{"MetricName": "Heartbeat", "Value": 1.0, "Unit": "Count"}]}


def secret(name, token, value="v1"):
    return {"Name": f"/contentcraft/reacher/{name}", "SecretString": value, "ClientRequestToken": token}


class Proxy(http.server.BaseHTTPRequestHandler):
    """Stands in front: takes its prefix off the path and says so, or leaves what is asked for as it is."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        prefix, target = self.server.prefix, self.server.target
        connection = http.client.HTTPConnection(target, timeout=30)
        connection.putrequest("POST", self.path.removeprefix(prefix), skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() == "host":
                value = value if self.server.keeps_host else target
            connection.putheader(name, value)
        if not self.server.keeps_host:
            connection.putheader("X-Forwarded-Host", self.headers["Host"])
        if prefix:
            connection.putheader("X-Forwarded-Prefix", prefix)
        connection.endheaders(body)
        answer = connection.getresponse()
        told = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)
        connection.close()

    def log_message(self, *_):
        """Nothing is told of what passes."""


@contextlib.contextmanager
def proxy(target, prefix="", keeps_host=True):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.target, server.prefix, server.keeps_host = target, prefix, keeps_host
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def replayed(plane, key, host):
    """The same bytes twice are the same act: nothing is written twice, and no dead agent lives."""
    request = Request("secretsmanager", "CreateSecret", secret("twice", "t" * 32)).sign(key, host)
    first, again = request.send(host), request.send(host)
    if first.status != 200:
        yield f"CreateSecret by hand is answered {first.status} {first.body!r}"
    if again.status == 200 and json.loads(again.body)["VersionId"] != "t" * 32:
        yield "a replayed CreateSecret made another version"
    described = Request("secretsmanager", "DescribeSecret", {"SecretId": "/contentcraft/reacher/twice"}).sign(key, host).send(host)
    if len(json.loads(described.body).get("VersionIdsToStages", {})) != 1:
        yield f"a replay made a version more: {described.body!r}"
    old = Request("cloudwatch", "PutMetricData", BEAT).sign(key, host, at=time.time() - 120)
    beats = []
    for _ in range(2):
        status = old.send(host).status
        if status != 200:
            yield f"a heartbeat of two minutes ago is answered {status}"
        beats.append(plane.look("agent", {"name": "Reacher"})["ok"].get("lastHeartbeat"))
    if not beats[0] or beats[1] != beats[0]:
        yield f"a recorded heartbeat counts once, when it was signed: {beats[0]}, then {beats[1]}"
    detail = {"requestId": "replayed", "action": "putSecret", "params": {"name": "/contentcraft/reacher/asked", "value": "v"}}
    entry = {"Source": "agent.Reacher", "DetailType": "devops.request", "Detail": json.dumps(detail)}
    request = Request("events", "PutEvents", {"Entries": [entry]}).sign(key, host)
    for _ in range(3):
        if request.send(host).status != 200:
            yield "a replayed PutEvents is refused"
    deadline = time.monotonic() + 5
    while "completed" not in (plane.look("request", {"id": "replayed"}).get("ok") or {}) and time.monotonic() < deadline:
        time.sleep(0.05)  # between two looks
    rows = plane.cli("audit", "list")["rows"]
    puts = [row for row in rows if row.get("action") == "putSecret" and "asked" in json.dumps(row)]
    if len(puts) != 1:
        yield f"a request that was replayed twice is on record {len(puts)} times"


def skewed(_, key, host):
    """Fifteen minutes either way, and not one more."""
    for minutes, wanted in [(-14, 200), (14, 200), (-16, 400), (16, 400)]:
        answer = Request("secretsmanager", "ListSecrets", {}).sign(key, host, at=time.time() + 60 * minutes).send(host)
        if answer.status != wanted:
            yield f"a clock {minutes} minutes off is answered {answer.status}, not {wanted}: {answer.body!r}"
        if not answer.headers.get("date"):
            yield "there is no Date to correct a clock by"


def behind(_, key, host):
    """Through a proxy: with the host passed on, with another and the word for it, and below a prefix that it takes off."""
    ways = [("", True, "/aws"), ("", False, "/aws"), ("/control", True, "/control/aws"), ("/control", False, "/control/aws/")]
    for prefix, keeps_host, path in ways:
        with proxy(host, prefix, keeps_host) as front:
            for protocol in (None, "cbor", "query"):
                service, operation, document = ("cloudwatch", "PutMetricData", BEAT) if protocol else ("secretsmanager", "ListSecrets", {})
                request = Request(service, operation, document, protocol, base=path).sign(key, front)
                answer = request.send(front)
                if answer.status != 200:
                    yield f"through a proxy (prefix {prefix!r}, host kept: {keeps_host}, {protocol}): {answer.status} {answer.body!r}"
            queue = Request("sqs", "GetQueueUrl", {"QueueName": "devops-completed-Reacher"}, base=path).sign(key, front).send(front)
            url = json.loads(queue.body).get("QueueUrl", "")
            if not url.startswith(f"http://{front}{path.rstrip('/')}"):
                yield f"the queue's address is {url}, which does not lead through the proxy {front}{path}"


def packed(_, key, host):
    """What is packed is unpacked after the signature was looked at, up to a megabyte."""
    def sent(body, encoding="gzip", protocol="json", signer=key):
        request = Request("cloudwatch", "PutMetricData", BEAT, protocol)
        request.body = body(request.body)
        request.headers["Content-Encoding"] = encoding
        return request.sign(signer, host).send(host)

    for protocol in ("json", "query", "cbor"):
        answer = sent(gzip.compress, protocol=protocol)
        if answer.status != 200:
            yield f"gzip in {protocol} is answered {answer.status} {answer.body!r}"
        bomb = gzip.compress(b" " * (64 << 20), 9)
        answer = sent(lambda _, bomb=bomb: bomb, protocol=protocol)
        if answer.status != 413 or answer.error() is None:
            yield f"a bomb in {protocol} is answered {answer.status} {answer.body[:200]!r}"
        stranger = dict(key, secret="w" * 40)
        answer = sent(lambda _, bomb=bomb: bomb, protocol=protocol, signer=stranger)
        if answer.status != 403:
            yield f"a stranger's bomb in {protocol} is answered {answer.status}: it was unpacked before its signature was looked at"
    for body, encoding in [(lambda plain: plain, "gzip"), (lambda plain: gzip.compress(plain)[:20], "gzip"), (lambda plain: plain, "br")]:
        answer = sent(body, encoding)
        if not 400 <= answer.status < 500 or answer.error() is None:
            yield f"what is not packed as it says ({encoding}) is answered {answer.status} {answer.body[:200]!r}"
    large = Request("secretsmanager", "CreateSecret", secret("large", "l" * 32, "x" * (2 << 20))).sign(key, host)
    try:
        answer = large.send(host)
        if not 400 <= answer.status < 500:
            yield f"two megabytes are answered {answer.status}"
    except (BrokenPipeError, ConnectionResetError):
        yield "two megabytes are not answered: the connection is cut while they are sent"


def run(arguments):
    """Gives what differs."""
    with started(arguments.binary, ["Reacher"]) as plane:
        key, host = plane.key("Reacher", {}), plane.authority
        differs = []
        for part in (replayed, skewed, behind, packed):
            differs += [f"{part.__name__}: {text}" for text in part(plane, key, host)]
        status, _ = plane.ask("GET", "/health")
        if status != 200:
            differs.append(f"after all that /health answers {status}")
        return differs
