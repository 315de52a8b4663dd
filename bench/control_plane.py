"""A control plane of its own for a measurement: a process, its data folder, and what it answers."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse

READY_WITHIN = 30
STOPPED_WITHIN = 60


class Failed(Exception):
    """A measurement that cannot be trusted; the text says why."""


def own_environment(**more):
    """The caller's environment without settings meant for another control plane."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CC_DEVOPS")}
    return kept | more


class ControlPlane:
    """`cc-devops serve` on a loopback port: with its default configuration on a free one, unless it is said."""

    def __init__(self, binary, folder, config=None, port=0):
        self.binary = pathlib.Path(binary).resolve()
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = None
        if config is not None:
            self.config = self.folder / "bench.toml"
            self.config.write_text(config)
        self.wanted_port = port
        self.process = None
        self.host = None
        self.port = None

    def command(self, *arguments):
        """The command line on this data folder."""
        named = ["--config", self.config] if self.config else []
        return [self.binary, "--data-dir", self.data, *named, *arguments]

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    @property
    def url(self):
        return f"http://{self.authority}"

    def start(self):
        """Starts and waits until /health answers; gives the seconds from spawn to that answer."""
        command = self.command("serve", "--listen", f"127.0.0.1:{self.wanted_port}")
        with open(self.log, "ab") as log:
            started = time.perf_counter()
            # In its own folder, where no configuration file lies.
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=own_environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log,
            )
        line = self.process.stdout.readline().decode()
        found = re.search(r"http://(\S+?):(\d+)", line)
        if not found:
            self.kill()
            raise Failed(f"the server did not start; its log is {self.log_end()!r}")
        self.host, self.port = found.group(1), int(found.group(2))
        # From here on nothing is printed, but a full pipe must never hold the server up.
        while time.perf_counter() - started < READY_WITHIN:
            with contextlib.suppress(OSError):
                status, _ = self.ask("GET", "/health")
                seconds = time.perf_counter() - started
                if status != 200:
                    raise Failed(f"/health answers {status}; the server's log ends {self.log_end()!r}")
                return seconds
        raise Failed(f"/health did not answer within {READY_WITHIN} s")

    def stop(self):
        """Stops the server as an operator does and checks that it ended well."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f"the server did not stop within {STOPPED_WITHIN} s") from None
        finally:
            process.stdout.close()
        if code != 0:
            raise Failed(f"the server ended with {code}; its log ends {self.log_end()!r}")

    def kill(self):
        """Ends the process whatever it does; only after a failure."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()

    def log_end(self):
        """The last lines of the log."""
        return self.log.read_text(errors="replace")[-600:]

    def cli(self, *arguments):
        """An operator's command; gives the JSON it prints."""
        command = self.command("--json", *arguments)
        done = subprocess.run(command, cwd=self.folder, env=own_environment(), capture_output=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{arguments} ended with {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def add_agent(self, name):
        """Adds an agent; gives its token."""
        return self.cli("agents", "add", name)["token"]

    def takes(self, config):
        """Whether this binary knows such a configuration."""
        probe = self.folder / "probe.toml"
        probe.write_text(config)
        command = [self.binary, "--config", probe, "config", "check"]
        done = subprocess.run(command, cwd=self.folder, env=own_environment(), capture_output=True, check=False)
        probe.unlink()
        return done.returncode == 0

    def admin_token(self):
        """The operator's token."""
        return (self.data / "admin.token").read_text().strip()

    def ask(self, method, path, body=None, token=None):
        """One HTTP request on a connection of its own; gives status and text."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        """The samples of /metrics, by name with labels."""
        status, text = self.ask("GET", "/metrics", token=self.admin_token())
        if status != 200:
            raise Failed(f"/metrics answers {status}: {text}")
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples

    def backlog(self):
        """How many requests have no outcome yet, and how many outcomes are not published."""
        samples = self.metrics()
        waiting = [name for name in samples if re.match(r"cc_devops_(requests_open|events_unpublished)", name)]
        if len(waiting) < 4:
            raise Failed(f"/metrics does not show the backlog; it has {sorted(samples)}")
        return sum(samples[name] for name in waiting)

    def memory(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise Failed("the kernel does not tell the server's memory")

    def open_files(self):
        """How many file descriptors the server has."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def processor_seconds(self):
        """Processor time the server used so far, of all its threads."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def put_secret(self, agent, token, request_id, name, value):
        """One putSecret whose outcome is waited for."""
        event = {
            "source": f"agent.{agent}", "detail-type": "devops.request",
            "detail": {
                "requestId": request_id, "action": "putSecret", "stage": "dev", "requestedBy": agent,
                "params": {"name": name, "value": value},
            },
        }
        status, text = self.ask("POST", "/v1/events?wait=20", event, token)
        if status != 200 or json.loads(text)["status"] != "success":
            raise Failed(f"a putSecret answered {status}: {text}")

    def lookup_times(self, ids, token):
        """Seconds for each GET /v1/requests/{id}, one after the other on one connection."""
        times = []
        with socket.create_connection((self.host, self.port), timeout=60) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = line.makefile("rb")
            for request_id in ids:
                path = urllib.parse.quote(request_id, safe="")
                request = (
                    f"GET /v1/requests/{path} HTTP/1.1\r\nHost: {self.authority}\r\n"
                    f"Authorization: Bearer {token}\r\n\r\n"
                ).encode()
                started = time.perf_counter()
                line.sendall(request)
                status = int(answers.readline().split()[1])
                length = 0
                while (header := answers.readline().strip()):
                    key, _, value = header.partition(b":")
                    if key.lower() == b"content-length":
                        length = int(value)
                body = answers.read(length)
                times.append(time.perf_counter() - started)
                if status != 200 or request_id.encode() not in body:
                    raise Failed(f"looking up {request_id} answers {status}")
        return times
