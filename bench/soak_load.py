"""What is put on the control plane during a soak, and what each party saw: agents that write secrets,
deploy, wait and send heartbeats, readers of event streams, receivers of webhooks.

Every party is a thread with a rate of its own, so that the load is bounded whatever the machine can do.
"""

import base64
import collections
import hashlib
import hmac
import http.client
import http.server
import json
import queue
import random
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

# How many violations of one kind are told in full.
TOLD = 5
# A request is asked for again with `?wait`, and the answer comes within this time or with 202.
WAIT_SECONDS = 20
ANSWER_WITHIN = 40
# How long a party that met no server waits before its next try.
AGAIN = 0.02

BROKEN = (OSError, http.client.HTTPException)


@dataclass
class Sent:
    """A request as it was sent."""

    id: str
    agent: str
    action: str
    params: dict
    sent_at: float = 0.0
    acknowledged_at: float = 0.0
    outcome: dict | None = None

    def event(self):
        return {
            "source": f"agent.{self.agent}", "detail-type": "devops.request",
            "detail": {"requestId": self.id, "action": self.action, "stage": "dev", "params": self.params},
        }


@dataclass
class Tally:
    """What all parties saw together."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    sent: dict = field(default_factory=dict)
    counts: collections.Counter = field(default_factory=collections.Counter)
    violations: list = field(default_factory=list)
    times: dict = field(default_factory=lambda: collections.defaultdict(list))

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    def took(self, what, seconds):
        with self.lock:
            self.times[what].append(seconds)

    def wrong(self, kind, text):
        """Something that must not be. The first few of a kind are told, all are counted."""
        with self.lock:
            self.counts[f"wrong: {kind}"] += 1
            if self.counts[f"wrong: {kind}"] <= TOLD:
                self.violations.append(f"{kind}: {text}")

    def sending(self, sent):
        with self.lock:
            self.sent.setdefault(sent.id, sent)

    def acknowledged(self):
        """Every acknowledged request, in the order they were first sent."""
        with self.lock:
            return [sent for sent in self.sent.values() if sent.acknowledged_at]


class Stage:
    """Where the control plane is, whether new requests are sent to it, and when all is over."""

    def __init__(self, plane, seed):
        self.plane = plane
        self.gate = threading.Event()
        self.over = threading.Event()
        self.tally = Tally()
        self.seed = seed
        self.kills = []

    def dice(self, name):
        return random.Random(f"{self.seed}:{name}")


class Party(threading.Thread):
    """Somebody who does a thing again and again, so many times a second at most, until all is over."""

    def __init__(self, stage, name, token, rate, gated=True):
        super().__init__(name=name, daemon=True)
        self.stage, self.token, self.rate, self.gated = stage, token, rate, gated
        self.tally, self.dice = stage.tally, stage.dice(name)
        self.connection = None

    def run(self):
        due = time.monotonic()
        while not self.stage.over.is_set():
            if self.gated and not self.stage.gate.wait(0.2):
                continue
            now = time.monotonic()
            # What could not be done in time is not made up for: the rate is a bound.
            due = max(due, now - 1 / self.rate)
            if due > now and self.stage.over.wait(due - now):
                break
            due += 1 / self.rate
            try:
                self.once()
            except BROKEN:
                self.hang_up()
                self.stage.over.wait(AGAIN)
            except Exception as error:  # a party that dies unseen would make the checks say nothing
                self.tally.wrong("the soak's own fault", f"{self.name}: {error!r}")
                self.hang_up()
        self.hang_up()

    def once(self):
        raise NotImplementedError

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def ask(self, method, path, body=None):
        """One HTTP request on this party's connection; gives status, headers and body."""
        if self.connection is None:
            plane = self.stage.plane
            self.connection = http.client.HTTPConnection(plane.host, plane.port, timeout=ANSWER_WITHIN)
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        text = json.dumps(body) if body is not None else None
        self.connection.request(method, path, body=text, headers=headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def submit(self, sent, wait=None):
        """Sends a request, maybe not for the first time, and holds the answer against what is known of it."""
        self.tally.sending(sent)
        sent.sent_at = sent.sent_at or time.time()
        started = time.perf_counter()
        status, body = self.ask("POST", "/v1/events" + (f"?wait={wait}" if wait is not None else ""), sent.event())
        self.tally.took("answer with wait" if wait is not None else "answer without wait", time.perf_counter() - started)
        if status not in (200, 202):
            self.tally.wrong("a request was not taken", f"{status} for {sent.id}: {body[:200]!r}")
            if status in (429, 503):
                self.stage.over.wait(1)
            return
        sent.acknowledged_at = sent.acknowledged_at or time.time()
        if status == 200:
            outcome = json.loads(body)
            if sent.outcome is None:
                sent.outcome = outcome
            elif sent.outcome != outcome:
                self.tally.wrong("a repeat got another outcome", f"{sent.id}: {sent.outcome} and {outcome}")


class Writer(Party):
    """Writes secrets: mostly without waiting, some with, and some that it wrote before once more."""

    WITH_WAIT, REPEATS = 0.1, 0.05

    def __init__(self, stage, number, agent, token, rate, names):
        super().__init__(stage, f"writer-{number}", token, rate)
        self.number, self.agent, self.names = number, agent, names
        self.written = 0
        self.open = None
        self.before = collections.deque(maxlen=500)

    def once(self):
        # What got no answer is sent again, as it was.
        if self.open is not None:
            self.tally.count("sent again for want of an answer")
            self.submit(self.open)
        elif self.before and self.dice.random() < self.REPEATS:
            self.tally.count("repeats of acknowledged requests")
            self.submit(self.dice.choice(self.before), WAIT_SECONDS if self.dice.random() < 0.5 else None)
        else:
            self.written += 1
            name = f"/contentcraft/{self.agent.lower()}/s{self.dice.randrange(self.names)}"
            value = f"value-{self.number}-{self.written}-{self.dice.random()}"
            self.open = Sent(f"soak-{self.number}-{self.written}", self.agent, "putSecret", {"name": name, "value": value})
            self.submit(self.open, WAIT_SECONDS if self.dice.random() < self.WITH_WAIT else None)
        if self.open is not None and self.open.acknowledged_at:
            self.before.append(self.open)
            self.open = None


class Deployer(Party):
    """Deploys its stack without waiting, one deploy after the other, and lets others wait for it."""

    def __init__(self, stage, agent, token, rate, stack, waiters):
        super().__init__(stage, f"deployer-{agent}", token, rate)
        self.agent, self.stack, self.waiters = agent, stack, waiters
        self.begun = 0
        self.open = None

    def once(self):
        if self.open is None:
            self.begun += 1
            self.open = Sent(f"soak-deploy-{self.agent}-{self.begun}", self.agent, "deployLambda", {"stackName": self.stack})
        if not self.open.acknowledged_at:
            self.submit(self.open)
            for waiter in self.waiters:
                waiter.put(self.open)
        elif self.open.outcome is not None:
            self.open = None


class Waiter(Party):
    """Long polls: asks for the outcome of a deploy under way by sending it again with `?wait`."""

    def __init__(self, stage, number, token):
        super().__init__(stage, f"waiter-{number}", token, rate=50)
        self.todo = queue.SimpleQueue()
        self.current = None

    def put(self, sent):
        self.todo.put(sent)

    def once(self):
        if self.current is None:
            try:
                self.current = self.todo.get(timeout=0.2)
            except queue.Empty:
                return
        self.tally.count("long polls")
        self.submit(self.current, WAIT_SECONDS)
        if self.current.outcome is not None:
            self.current = None


class Beater(Party):
    """Sends heartbeats, of which none is refused while the server is up."""

    def __init__(self, stage, agents, rate):
        super().__init__(stage, "beater", None, rate, gated=False)
        self.agents, self.turn = list(agents.items()), 0

    def once(self):
        self.turn = (self.turn + 1) % len(self.agents)
        name, self.token = self.agents[self.turn]
        started = time.perf_counter()
        status, body = self.ask("POST", f"/v1/agents/{name}/heartbeat", {"healthy": True})
        self.tally.took("heartbeat", time.perf_counter() - started)
        self.tally.count("heartbeats")
        if status != 204:
            self.tally.wrong("a heartbeat was not taken", f"{status}: {body[:200]!r}")


class Onlooker(Party):
    """Asks for the health, as a load balancer does."""

    def __init__(self, stage):
        super().__init__(stage, "onlooker", None, rate=2, gated=False)

    def once(self):
        started = time.perf_counter()
        status, body = self.ask("GET", "/health")
        self.tally.took("health", time.perf_counter() - started)
        if status != 200:
            self.tally.wrong("not healthy", f"{status}: {body[:300]!r}")


class StreamReader(Party):
    """Follows the events as a stream, which it cuts now and then, and goes on behind the last one it saw."""

    def __init__(self, stage, number, agent, token):
        super().__init__(stage, f"stream-{number}", token, rate=2, gated=False)
        self.agent = agent
        self.last = 0
        self.cursors = []

    def once(self):
        plane = self.stage.plane
        # The keep-alive comes more often than this, so silence means that the server is gone.
        self.connection = http.client.HTTPConnection(plane.host, plane.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "text/event-stream", "Last-Event-ID": str(self.last)}
        self.connection.request("GET", "/v1/events", headers=headers)
        answer = self.connection.getresponse()
        if answer.status != 200:
            self.tally.wrong("a stream was not opened", f"{answer.status}: {answer.read()[:200]!r}")
            self.hang_up()
            return
        self.tally.count("streams opened")
        cut_at = time.monotonic() + self.dice.uniform(2, 15)
        seen = None
        while time.monotonic() < cut_at and not self.stage.over.is_set():
            line = answer.readline()
            if not line:
                break
            if line.startswith(b"id:"):
                seen = int(line[3:])
            elif line == b"\n" and seen is not None:
                if seen <= self.last:
                    self.tally.wrong("a stream went back", f"{self.name}: {seen} after {self.last}")
                self.last = seen
                self.cursors.append(seen)
                seen = None
        self.hang_up()


class Receiver(http.server.ThreadingHTTPServer):
    """A webhook's receiver that answers at once, checks every signature, and keeps what it was told."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, tally):
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.tally = tally
        self.key = None
        self.bodies = {}
        self.deliveries = collections.Counter()
        self.requests = collections.Counter()
        self.lateness = []
        self.newest_at = time.monotonic()
        threading.Thread(target=self.serve_forever, name="receiver", daemon=True).start()

    def expect(self, secret):
        self.key = base64.b64decode(secret.removeprefix("whsec_"))

    def take(self, headers, body):
        message, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        mac = hmac.new(self.key, f"{message}.{sent_at}.".encode() + body, hashlib.sha256)
        expected = "v1," + base64.b64encode(mac.digest()).decode()
        signatures = headers.get("webhook-signature", "").split(" ")
        if not any(hmac.compare_digest(expected, signature) for signature in signatures):
            self.tally.wrong("a webhook's signature is wrong", message)
            return
        if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > 300:
            self.tally.wrong("a webhook's time is wrong", f"{message}: {sent_at}")
        data = json.loads(body)["data"]
        with self.tally.lock:
            self.newest_at = time.monotonic()
            self.deliveries[message] += 1
            first = self.deliveries[message] == 1
            if first:
                self.requests[data["requestId"]] += 1
        digest = hashlib.sha256(body).digest()
        if self.bodies.setdefault(message, digest) != digest:
            self.tally.wrong("a webhook came again with another body", message)


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.take(self.headers, body)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class DeadEnd(threading.Thread):
    """An endpoint that accepts connections and never answers."""

    def __init__(self, stage):
        super().__init__(name="dead-end", daemon=True)
        self.stage = stage
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.accepted = 0

    def run(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ)
            while not self.stage.over.is_set():
                for key, _ in selector.select(0.5):
                    if key.fileobj is self.listener:
                        line, _ = self.listener.accept()
                        self.accepted += 1
                        selector.register(line, selectors.EVENT_READ)
                    elif not self.read(key.fileobj):
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
            for key in list(selector.get_map().values()):
                key.fileobj.close()

    @staticmethod
    def read(line):
        try:
            return line.recv(65_536)
        except OSError:
            return b""
