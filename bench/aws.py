"""Measures the function on AWS's emulator, side by side with the same job in Python (boto3 and awslambdaric).

    aws.py FUNCTION ZIP [--quick]

FUNCTION is the built bootstrap for this machine, ZIP the package that is uploaded. Runs in the environment of
bench/python_way/requirements.txt. Starts the emulator on a free loopback port, deploys template.yaml there, measures, and
writes its part of docs/BENCHMARKS.md.

Exit codes: 0, measured, whether or not the targets were met; 1, a request was lost, done twice or failed.
"""

import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import boto3

import part
import report
from control_plane import Failed
from part import say
from runtime_api import Function

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PEERS = pathlib.Path(os.environ.get("CC_DEVOPS_PEERS", REPOSITORY / "target" / "peers"))
STAGE, REGION, AGENT = "dev", "us-east-1", "BenchAgent"
HEALTH = b"{}"
FINISHED = {"completed", "published"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Emulator:
    """MiniStack with this project's stack deployed."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": f"{PEERS / 'ministack' / 'bin'}:{os.environ['PATH']}", "HOME": str(folder),
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0",
        }
        emulator = self.environment | {"GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1"}
        self.process = subprocess.Popen(
            [PEERS / "ministack" / "bin" / "ministack"], env=emulator, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return
            except OSError:
                if self.process.poll() is not None:
                    raise Failed("the emulator ended before it answered") from None
                time.sleep(0.05)
        raise Failed("the emulator did not answer")

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def deploy(self):
        command = [
            PEERS / "sam" / "bin" / "sam", "deploy", "--template-file", "template.yaml", "--config-env", STAGE,
            "--resolve-s3", "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--region", REGION,
            "--parameter-overrides", f"Stage={STAGE}", "Architecture=x86_64",
        ]
        done = subprocess.run(command, env=self.environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"sam deploy failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        self.client("ssm").put_parameter(
            Name="/contentcraft/agents/enabled", Type="String", Value=f"DevOpsAutomation,{AGENT}", Overwrite=True
        )

    def function_environment(self):
        """What the deployed function is given, with the emulator's address."""
        name = f"cc-agent-devops-automation-{STAGE}"
        found = self.client("lambda").get_function_configuration(FunctionName=name)
        return found["Environment"]["Variables"] | {
            key: self.environment[key]
            for key in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
        }

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)


def request(identity, secret):
    detail = {
        "requestId": identity, "action": "putSecret", "stage": STAGE, "requestedBy": AGENT,
        "params": {"name": f"/contentcraft/benchagent/{secret}", "value": "not-a-real-value"},
    }
    return {"source": f"agent.{AGENT}", "detail-type": "devops.request", "detail": detail}


def checked(body):
    answer = json.loads(body)
    if answer.get("statusCode") != 200:
        raise Failed(f"a function answered {answer}")


def measure_starts(ways, rounds):
    """Process start to first answer of a health check, in turns."""
    found = {name: {"starts": [], "memory": 0} for name in ways}
    for _ in range(rounds):
        for name, make in ways.items():
            function = make()
            try:
                seconds, body = function.start_with(HEALTH)
                checked(body)
                found[name]["starts"].append(seconds)
                found[name]["memory_health"] = max(found[name].get("memory_health", 0), function.peak_memory())
            finally:
                function.stop()
    return found


def measure_warm(ways, found, count, blocks):
    """A putSecret on a warm function, in turns of blocks on the same emulator."""
    functions = {name: make() for name, make in ways.items()}
    run = f"{random.getrandbits(48):x}"
    try:
        for name, function in functions.items():
            checked(function.start_with(HEALTH)[1])
            for number in range(20):
                checked(function.invoke(json.dumps(request(f"{run}-warm-up-{name}-{number}", f"{name}-{number % 5}")).encode())[1])
            found[name]["warm"] = []
            function.over.clear()
        for block in range(blocks):
            for name, function in functions.items():
                for number in range(count // blocks):
                    event = request(f"{run}-{name}-{block}-{number}", f"{name}-{number % 5}")
                    seconds, body = function.invoke(json.dumps(event).encode())
                    checked(body)
                    found[name]["warm"].append(seconds)
        for name, function in functions.items():
            found[name]["memory"] = function.peak_memory()
            found[name]["over"] = function.over
    finally:
        for function in functions.values():
            function.stop()


def ledger_rows(emulator):
    """Every request's state, and how many audit rows each has."""
    states, audited = {}, {}
    pages = emulator.client("dynamodb").get_paginator("scan").paginate(TableName=f"DevOpsLedger-{STAGE}")
    for page in pages:
        for item in page["Items"]:
            key = item["PK"]["S"]
            if key.startswith("REQ#"):
                states[key.removeprefix("REQ#")] = item["state"]["S"]
            elif key.startswith("AUDIT#"):
                entry = json.loads(item["entry"]["S"])
                identity = entry.get("requestId")
                audited[identity] = audited.get(identity, 0) + 1
    return states, audited


def measure_burst(emulator, count, limit):
    """`count` requests put on the bus at once: how long until each has its outcome, and that none was lost or done twice."""
    run = f"burst-{random.getrandbits(48):x}"
    events = emulator.client("events")
    started = time.perf_counter()
    for first in range(0, count, 10):
        entries = [
            {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
            for event in (request(f"{run}-{number}", f"burst-{number % 50}") for number in range(first, min(first + 10, count)))
        ]
        if events.put_events(Entries=entries)["FailedEntryCount"]:
            raise Failed("the emulator's bus refused an event")
    put = time.perf_counter() - started
    last, since = -1, time.perf_counter()
    while True:
        states, audited = ledger_rows(emulator)
        ours = {identity: state for identity, state in states.items() if identity.startswith(run)}
        finished = sum(state in FINISHED for state in ours.values())
        if finished == count:
            break
        if finished != last:
            last, since = finished, time.perf_counter()
            say(f"  {finished:,} of {count:,}")
        if time.perf_counter() - since > limit:
            raise Failed(f"only {finished:,} of {count:,} requests came to their end; nothing has moved for {limit} s")
        time.sleep(1)
    took = time.perf_counter() - started
    # A scan is not one moment: what ended while it went on may have its audit row on a page that was read before.
    _, audited = ledger_rows(emulator)
    wrong = {identity: rows for identity in ours if (rows := audited.get(identity, 0)) != 1}
    if wrong:
        raise Failed(f"{len(wrong)} requests have not exactly one audit row, {sum(rows > 1 for rows in wrong.values())} have more")
    return {"count": count, "put_seconds": put, "seconds": took}


def measure(function, package, folder, plan):
    emulator = Emulator(folder)
    try:
        say("deploying to the emulator …")
        emulator.deploy()
        environment = emulator.function_environment()
        python = str(PEERS / "python-way" / "bin" / "python")
        ways = {
            "rust": lambda: Function([str(function)], environment),
            "python": lambda: Function(
                [python, "-m", "awslambdaric", "function.handler"], environment, REPOSITORY / "bench" / "python_way"
            ),
        }
        say("starts …")
        found = measure_starts(ways, plan["starts"])
        for name, one in found.items():
            say(f"  {name}: {statistics.median(one['starts']) * 1e3:.1f} ms")
        say("warm putSecret …")
        measure_warm(ways, found, plan["warm"], plan["blocks"])
        for name, one in found.items():
            say(f"  {name}: p50 {report.percentile(one['warm'], 0.5) * 1e3:.2f} ms, {one['memory'] / 1e6:.1f} MB")
        say(f"a burst of {plan['burst']:,} …")
        found["burst"] = measure_burst(emulator, plan["burst"], plan["stalled_seconds"])
        found["zip"] = package.stat().st_size
        return found
    finally:
        emulator.stop()


def targets(found):
    rust, python = found["rust"], found["python"]
    ratio = statistics.median(python["starts"]) / statistics.median(rust["starts"])
    warm = report.percentile(python["warm"], 0.5) / report.percentile(rust["warm"], 0.5)
    return [
        report.Target("process start to first health check: times as fast as Python", ratio, 20, " x", 1, True),
        report.Target("warm putSecret, p50: times as fast as Python, which keeps no ledger", warm, 1, " x", 2, True),
        report.Target("the function's memory after a health check", rust["memory_health"] / 1e6, 20, " MB", 1, False),
        report.Target("the function's memory after its putSecrets", rust["memory"] / 1e6, 20, " MB", 1, False),
        report.Target("the function's package", found["zip"] / 1e6, 6, " MB", 2, False),
    ]


def markdown(lines, found, about):
    rust, python, burst = found["rust"], found["python"], found["burst"]
    ms = lambda values, share: f"{report.percentile(values, share) * 1e3:.1f} ms"  # noqa: E731
    mb = lambda size: f"{size / 1e6:.1f} MB"  # noqa: E731
    beside = [
        ("process start to first answer of a health check, p50", ms(rust["starts"], 0.5), ms(python["starts"], 0.5)),
        ("the same, slowest", ms(rust["starts"], 1), ms(python["starts"], 1)),
        ("peak memory after a health check", mb(rust["memory_health"]), mb(python["memory_health"])),
        ("warm putSecret, p50", ms(rust["warm"], 0.5), ms(python["warm"], 0.5)),
        ("warm putSecret, p95", ms(rust["warm"], 0.95), ms(python["warm"], 0.95)),
        ("warm putSecret until the function is free for the next, p50", ms(rust["over"], 0.5), ms(python["over"], 0.5)),
        ("peak memory after the putSecrets", mb(rust["memory"]), mb(python["memory"])),
    ]
    rows = "\n".join(f"| {what} | {ours} | {theirs} |" for what, ours, theirs in beside)
    return f"""## On AWS, side by side with Python

Written by `make bench-aws` on {report.today()}. The same emulator (MiniStack) on the same machine, in turns: this function, and
the same job as it is usually done (boto3 on awslambdaric, `bench/python_way`), which keeps neither ledger nor audit trail.

{report.target_table(lines)}

| | this function | boto3 + awslambdaric |
| --- | ---: | ---: |
{rows}

A burst of {burst['count']:,} putSecret events, put on the bus in {burst['put_seconds']:.0f} s: all had their outcome
{burst['seconds']:.0f} s after the first was put ({burst['count'] / burst['seconds']:,.0f} a second through rule, queue, function
and ledger; the emulator's share is the larger). None was lost, and each has exactly one audit row.

{report.machine_table(about)}

- A start is a new process, from `exec` to the answer to its first invocation, at a Runtime API on loopback; {len(rust['starts'])} of
  each. It is not a cold start in AWS, which also makes a machine and loads the package.
- A warm putSecret is {len(rust['warm'])} invocations of each, one after the other, in blocks by turns, each handed over when the
  function asks for it. It is measured to the answer; this function tells of the outcome behind its answer, which
  is in the time until it is free. The emulator is one Python process on the same machine, and most of the time is its.
"""


FILES = [("FUNCTION", "the bootstrap, built for this machine"), ("ZIP", "the package")]
FULL = {"starts": 20, "warm": 400, "blocks": 8, "burst": 10_000, "stalled_seconds": 60}
QUICK = FULL | {"starts": 5, "warm": 80, "blocks": 2, "burst": 500}

if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "aws", "AWS", FULL, QUICK, measure, targets, markdown))
