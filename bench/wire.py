"""Measures the AWS door beside `/v1`: heartbeats by PutMetricData, putSecret by PutEvents, and what a signature costs.

    wire.py BINARY EXAMPLE [--quick]

BINARY is cc-devops, EXAMPLE the built example `verify_speed`. Both are of the release profile. Needs wrk. Requests are signed before
they are sent, so that the load is the server's. Writes its part of docs/BENCHMARKS.md.

Exit codes: 0, measured, whether or not the targets were met; 1, an acknowledged request was lost or failed.
"""

import hashlib
import hmac
import json
import random
import statistics
import sys
import time
import uuid

import part
import report
import run as bench
from control_plane import ControlPlane, Failed
from part import say

THREADS = 2
REGION = "us-east-1"
# How far ahead of the clock a heartbeat is signed: it counts as now, so that each moves the last one on.
AHEAD = 600


class Signer:
    """Signs for one key, day and service as botocore does, some thousand a second."""

    def __init__(self, key, service, host, at):
        self.stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
        self.scope = f"{self.stamp[:8]}/{REGION}/{service}/aws4_request"
        self.id, self.host = key["awsAccessKeyId"], host
        derived = b"AWS4" + key["awsSecretAccessKey"].encode()
        for word in self.scope.split("/"):
            derived = hmac.digest(derived, word.encode(), "sha256")
        self.key = derived

    def request(self, target, version, body):
        """The bytes of a request of JSON."""
        kind = f"application/x-amz-json-{version}"
        signed = "content-type;host;x-amz-date;x-amz-target"
        canonical = (
            f"POST\n/aws\n\ncontent-type:{kind}\nhost:{self.host}\nx-amz-date:{self.stamp}\nx-amz-target:{target}\n\n"
            f"{signed}\n{hashlib.sha256(body).hexdigest()}"
        )
        text = f"AWS4-HMAC-SHA256\n{self.stamp}\n{self.scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self.key, text.encode(), "sha256").hex()
        head = (
            f"POST /aws HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: {kind}\r\nX-Amz-Date: {self.stamp}\r\n"
            f"X-Amz-Target: {target}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={self.id}/{self.scope}, "
            f"SignedHeaders={signed}, Signature={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def write(path, requests):
    """A file for each thread of wrk."""
    for number in range(THREADS):
        with open(f"{path}.{number + 1}", "wb") as file:
            for request in requests[number::THREADS]:
                file.write(b"%d\n" % len(request) + request)


def wire_heartbeats(binary, folder, seconds):
    """Heartbeats of 64 agents from 64 connections, by PutMetricData in JSON."""
    with ControlPlane(binary, folder) as plane:
        requests = []
        for number in range(bench.HEARTBEAT_AGENTS):
            name = f"Beat{number}x"
            key = plane.cli("agents", "add", name, "--aws-key")
            body = {"Namespace": f"Agent/{name}", "MetricData": [{"MetricName": "Heartbeat", "Value": 1, "Unit": "Count"}]}
            signer = Signer(key, "monitoring", plane.authority, time.time() + AHEAD)
            requests.append(signer.request("GraniteServiceVersion20100801.PutMetricData", "1.0", json.dumps(body).encode()))
        write(folder / "requests", requests)
        processors = bench.Processors(plane)
        result = bench.wrk("signed.lua", plane.url, seconds, THREADS, CC_BENCH_REQUESTS=str(folder / "requests"))
        result["processor_us"] = processors.used()[0] / result["accepted"] * 1e6
        _, text = plane.ask("GET", "/v1/agents", token=plane.admin_token())
        up = [agent for agent in json.loads(text)["agents"] if agent["name"].startswith("Beat") and agent["state"] == "up"]
        if len(up) != bench.HEARTBEAT_AGENTS:
            raise Failed(f"{len(up)} of {bench.HEARTBEAT_AGENTS} agents are up after their heartbeats")
    return result


def wire_put(binary, folder, plan):
    """putSecret by PutEvents from 64 connections, until every one has its outcome and is published."""
    with ControlPlane(binary, folder) as plane:
        key = plane.cli("agents", "add", bench.AGENT, "--aws-key")
        signer, run = Signer(key, "events", plane.authority, time.time()), f"r{random.getrandbits(40):010x}"
        requests = [signer.request("AWSEvents.PutEvents", "1.1", put_secret(run)) for _ in range(plan["signed"])]
        write(folder / "requests", requests)
        result = bench.settled(plane, run, lambda: bench.wrk(
            "signed.lua", plane.url, plan["seconds"], THREADS, CC_BENCH_REQUESTS=str(folder / "requests"), CC_BENCH_ONCE="1"
        ))
    bench.check_outcomes(plane, result)
    return result


def put_secret(run):
    """One entry, its id random at its beginning as put_secret.lua has it, its secret one of 10,000."""
    request_id = f"{uuid.uuid4().hex[:12]}-{run}-{uuid.uuid4().hex[:8]}"
    name = f"{bench.PREFIX}load-{run}-{random.randrange(bench.SECRETS)}"
    detail = {
        "action": "putSecret", "stage": "dev", "requestedBy": bench.AGENT, "ts": "2026-01-01T00:00:00Z",
        "requestId": request_id, "params": {"name": name, "value": f"measured-{request_id}"},
    }
    entry = {"Source": f"agent.{bench.AGENT}", "DetailType": "devops.request", "Detail": json.dumps(detail)}
    return json.dumps({"Entries": [entry]}).encode()


def api_put(binary, folder, plan):
    """The same by `POST /v1/events`."""
    with ControlPlane(binary, folder) as plane:
        result = bench.put_load(plane, plane.add_agent(bench.AGENT), plan["seconds"])
    bench.check_outcomes(plane, result)
    return result


def measure(binary, example, folder, plan):
    say("a signature …")
    found = part.answered([example]) | {"plan": plan, "binary": binary.stat().st_size}
    measured = {"wire_beats": [], "api_beats": [], "wire_put": [], "api_put": []}
    for number in range(plan["rounds"]):
        ways = [
            ("wire_beats", lambda place: wire_heartbeats(binary, place, plan["seconds"])),
            ("api_beats", lambda place: bench.heartbeats(binary, place, plan["seconds"])),
            ("wire_put", lambda place: wire_put(binary, place, plan)),
            ("api_put", lambda place: api_put(binary, place, plan)),
        ]
        # Every other round the other way round: what the machine does besides strikes both alike.
        for name, way in ways if number % 2 == 0 else reversed(ways):
            result = way(folder / f"{name}-{number}")
            measured[name].append(result)
            say(f"  {name}: {result['rate']:,.0f}/s, p99 {result['p99_ms']:.1f} ms")
    for name, results in measured.items():
        for key in ("rate", "p50_ms", "p99_ms", "processor_us"):
            found[f"{name}_{key}"] = statistics.median(result[key] for result in results)
    for name, wire, api in [("beats", "wire_beats", "api_beats"), ("put", "wire_put", "api_put")]:
        pairs = zip(measured[wire], measured[api])
        found[f"{name}_ratio"] = statistics.median(one["rate"] / other["rate"] for one, other in pairs)
    return found


def targets(found):
    return [
        report.Target("a signature over 1 kB, read and held, p50", found["kilobyte_p50_us"], 30, " µs", 1, False),
        report.Target("heartbeats by PutMetricData, of `/v1`'s rate", found["beats_ratio"], 0.5, "", 2, True),
        report.Target("putSecret by PutEvents, of `/v1`'s rate", found["put_ratio"], 0.8, "", 2, True),
    ]


def markdown(lines, found, about):
    plan = found["plan"]
    ways = [("heartbeats", "beats"), ("putSecret", "put")]
    rates = report.bars(
        [(f"{what} by {door}", found[f"{key}_{name}_rate"]) for what, name in ways for door, key in [("the AWS door", "wire"), ("/v1", "api")]],
        "/s",
    )
    return f"""## The AWS door

Written by `make bench-wire` on {report.today()}.

{report.target_table(lines)}

{report.machine_table(about)}

| | by the AWS door | by `/v1` |
|---|---|---|
| heartbeats | {found['wire_beats_rate']:,.0f}/s, p99 {found['wire_beats_p99_ms']:.1f} ms, {found['wire_beats_processor_us']:.0f} µs of processor each | {found['api_beats_rate']:,.0f}/s, p99 {found['api_beats_p99_ms']:.1f} ms, {found['api_beats_processor_us']:.0f} µs |
| putSecret | {found['wire_put_rate']:,.0f}/s, p99 {found['wire_put_p99_ms']:.1f} ms, {found['wire_put_processor_us']:.0f} µs | {found['api_put_rate']:,.0f}/s, p99 {found['api_put_p99_ms']:.1f} ms, {found['api_put_processor_us']:.0f} µs |

{rates}

- Medians of {plan['rounds']} rounds of {plan['seconds']} s each, from 64 connections of wrk, fresh ledgers, the two ways in turn; the ratios are those of the
  rounds. Every request of the AWS door is signed before, and its signature is held; heartbeats of `PutMetricData` in JSON, one entry in each
  `PutEvents`, durable before it is answered. That every acknowledged request ended well is read in the database.
- A signature is read and held in {found['kilobyte_p50_us']:.1f} µs over a body of 1 kB ({found['kilobyte_p99_us']:.1f} at the 99th percentile of 501 hundreds), and in
  {found['large_p50_us']:.0f} µs over 64 kB.
- The program has {found['binary'] / 1e6:.1f} MB.
"""


FILES = [("BINARY", "cc-devops, release build"), ("EXAMPLE", "the built example verify_speed")]
FULL = {"rounds": 3, "seconds": 10, "signed": 150_000}
QUICK = {"rounds": 1, "seconds": 3, "signed": 40_000}

if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "wire", "the AWS door", FULL, QUICK, measure, targets, markdown))
