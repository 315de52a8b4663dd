#!/usr/bin/env python3
"""Measures the control plane against its targets and writes docs/BENCHMARKS.md and docs/benchmarks.svg.

    python3 bench/run.py BINARY            everything, about five minutes; writes docs/
    python3 bench/run.py BINARY --quick    a short run with 100,000 seeded requests; only prints

Needs wrk. Data folders lie under target/, on the repository's own disk. Exit code 0: measured, whether
or not the targets were met; 1: an acknowledged request was lost or failed, or the server misbehaved;
2: something is missing that the measurement needs.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import report
import seed
from control_plane import ControlPlane, Failed, own_environment

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent
CONNECTIONS = 64
AGENT = "Bench"
PREFIX = "/contentcraft/bench/"
SECRETS = 10_000
HEARTBEAT_AGENTS = 64
DRAINED_WITHIN = 120


def say(text):
    print(text, flush=True)


def wrk(script, url, seconds, threads, **environment):
    """One load; gives what the script counted."""
    command = ["wrk", f"-t{threads}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", HERE / script, url]
    done = subprocess.run(command, env=own_environment(**environment), capture_output=True, text=True, check=False)
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not results:
        raise Failed(f"wrk ended with {done.returncode}: {done.stdout}{done.stderr}")
    result = json.loads(results[0].removeprefix("RESULT "))
    if result["refused"] or result["errors"]:
        refusal = next((line for line in done.stdout.splitlines() if line.startswith("REFUSAL ")), "")
        raise Failed(f"{result['refused']} answers were refusals, {result['errors']} connections failed: {refusal[:400]}")
    result["rate"] = result["accepted"] / result["seconds"]
    return result


def fsync_rate(folder, seconds):
    """How often a second this disk makes 4 KiB more of a file durable, one after the other."""
    block = os.urandom(4096)
    path = folder / "fsync"
    with open(path, "wb", buffering=0) as file:
        started = time.perf_counter()
        count = 0
        while time.perf_counter() - started < seconds:
            file.write(block)
            os.fdatasync(file.fileno())
            count += 1
        elapsed = time.perf_counter() - started
    path.unlink()
    return count / elapsed


def processor_speed(threads, seconds=0.5):
    """MB of SHA-256 a second by so many threads at once: how fast the processors are just now."""
    block = bytes(1 << 20)
    ends = time.perf_counter() + seconds
    counts = [0] * threads

    def work(number):
        while time.perf_counter() < ends:
            hashlib.sha256(block)  # lets the other threads run meanwhile
            counts[number] += 1

    started = time.perf_counter()
    workers = [threading.Thread(target=work, args=[number]) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) * len(block) / 1e6 / (time.perf_counter() - started)


class Processors:
    """Tells how the processors' time was shared since it was made."""

    def __init__(self, plane):
        self.plane = plane
        self.before = self.read()

    def read(self):
        with open("/proc/stat", encoding="ascii") as stat:
            times = [int(word) / os.sysconf("SC_CLK_TCK") for word in stat.readline().split()[1:9]]
        load = resource.getrusage(resource.RUSAGE_CHILDREN)
        return sum(times), times[3] + times[4], self.plane.processor_seconds(), load.ru_utime + load.ru_stime

    def used(self):
        """Processor seconds of the server, and the share of all processors that work took which is
        neither the server's nor the load's. The children that ended meanwhile are the load."""
        total, idle, server, load = (now - then for now, then in zip(self.read(), self.before))
        return server, max(0.0, total - idle - server - load) / total


def wait_until_drained(plane):
    """Waits until nothing is left to do; gives the moment it was seen."""
    deadline = time.perf_counter() + DRAINED_WITHIN
    while (left := plane.backlog()) > 0:
        if time.perf_counter() > deadline:
            raise Failed(f"{left:.0f} requests and events are still open {DRAINED_WITHIN} s after the load")
        time.sleep(0.05)  # between two looks, so that looking is no load
    return time.perf_counter()


def ended(plane, status):
    return plane.metrics().get(f'cc_devops_requests_total{{action="putSecret",status="{status}"}}', 0)


def put_load(plane, token, seconds):
    """putSecret from 64 connections, until every one has its outcome and is published."""
    run = f"r{random.getrandbits(40):010x}"
    return settled(plane, run, lambda: wrk(
        "put_secret.lua", plane.url, seconds, 2, CC_BENCH_TOKEN=token, CC_BENCH_AGENT=AGENT, CC_BENCH_RUN=run,
        CC_BENCH_PREFIX=PREFIX, CC_BENCH_SECRETS=str(SECRETS),
    ))


def settled(plane, run, load):
    """What a load of putSecret counts, once every one of its requests has its outcome and is published."""
    before = {status: ended(plane, status) for status in ("success", "error")}
    processors = Processors(plane)
    started = time.perf_counter()
    result = load()
    load_ended = time.perf_counter()
    _, result["others"] = processors.used()
    drained = wait_until_drained(plane)
    done = {status: ended(plane, status) - before[status] for status in ("success", "error")}
    # When the load ends, each connection may have one request under way whose answer nobody reads.
    if done["error"] or not result["accepted"] <= done["success"] <= result["accepted"] + CONNECTIONS:
        raise Failed(f"{result['accepted']} requests were acknowledged, but {done} is what became of them")
    result["completed_rate"] = done["success"] / (drained - started)
    result["drain_seconds"] = drained - load_ended
    result["processor_us"] = processors.used()[0] / done["success"] * 1e6
    result["run"] = run
    return result


def check_outcomes(plane, result):
    """Reads in the stopped server's database that every acknowledged request ended in success."""
    import sqlite3

    db = sqlite3.connect(f"file:{plane.data / seed.DATABASE}?mode=ro", uri=True)
    query = "SELECT count(*), count(*) FILTER (WHERE status = 'success') FROM requests WHERE id LIKE ?"
    recorded, succeeded = db.execute(query, [f"%-{result['run']}-%"]).fetchone()
    db.close()
    if recorded != succeeded or recorded < result["accepted"]:
        raise Failed(f"{result['accepted']} acknowledged, {recorded} in the ledger, {succeeded} of them successful")


def new_plane(binary, folder):
    """A fresh control plane, running, with the measuring agent; gives it and the agent's token."""
    plane = ControlPlane(binary, folder)
    plane.start()
    try:
        return plane, plane.add_agent(AGENT)
    except BaseException:
        plane.kill()
        raise


def start_times(binary, folder, count):
    """Seconds to ready: the first start, which makes the database, and later ones."""
    plane = ControlPlane(binary, folder)
    times = []
    for _ in range(count + 1):
        times.append(plane.start())
        plane.stop()
    return times[0], times[1:]


def idle_memory(binary, folder, seconds):
    """Resident memory while nothing is asked: the largest of what is seen, twenty looks a second."""
    with ControlPlane(binary, folder) as plane:
        seen = []
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            seen.append(plane.memory())
            time.sleep(0.05)  # between two looks
    return max(seen)


def heartbeats(binary, folder, seconds):
    """Heartbeats of 64 agents from 64 connections."""
    with ControlPlane(binary, folder) as plane:
        agents = {f"Beat{number}x": plane.add_agent(f"Beat{number}x") for number in range(HEARTBEAT_AGENTS)}
        listed = " ".join(f"{name}={token}" for name, token in agents.items())
        processors = Processors(plane)
        result = wrk("heartbeat.lua", plane.url, seconds, 2, CC_BENCH_AGENTS=listed)
        used, result["others"] = processors.used()
        result["processor_us"] = used / result["accepted"] * 1e6
        good = sum(v for k, v in plane.metrics().items() if "http_requests" in k and "heartbeat" in k and 'status="204"' in k)
        if not result["accepted"] <= good <= result["accepted"] + CONNECTIONS:
            raise Failed(f"wrk counts {result['accepted']} heartbeats, the server {good:.0f} answers of 204")
    return result


def pings(binary, folder, seconds):
    """Pings by their addresses, of 64 agents from 64 connections."""
    with ControlPlane(binary, folder) as plane:
        paths = []
        for number in range(HEARTBEAT_AGENTS):
            added = plane.cli("agents", "add", f"Ping{number}x")
            paths.append(urllib.parse.urlsplit(added["ping_url"]).path)
        processors = Processors(plane)
        result = wrk("ping.lua", plane.url, seconds, 2, CC_BENCH_PINGS=" ".join(paths))
        used, result["others"] = processors.used()
        result["processor_us"] = used / result["accepted"] * 1e6
        good = sum(v for k, v in plane.metrics().items() if "http_requests" in k and "/ping/" in k and 'status="200"' in k)
        if not result["accepted"] <= good <= result["accepted"] + CONNECTIONS:
            raise Failed(f"wrk counts {result['accepted']} pings, the server {good:.0f} answers of 200")
    return result


def median_of(results, key):
    return statistics.median(result[key] for result in results)


def measure(binary, folder, plan):
    """Everything, as a flat mapping of what was measured."""
    found = {"plan": plan, "speed_of_one": processor_speed(1), "speeds": [processor_speed(os.cpu_count())]}
    say("the disk's own rate of durable writes …")
    found["fsync_rate"] = fsync_rate(folder, plan["fsync_seconds"])
    say(f"  {found['fsync_rate']:,.0f} a second")

    say("start to ready, idle memory, binary size …")
    found["first_start"], starts = start_times(binary, folder / "start", plan["starts"])
    found["start"], found["start_max"] = statistics.median(starts), max(starts)
    found["idle_memory"] = idle_memory(binary, folder / "start", plan["idle_seconds"])
    found["binary_size"] = os.stat(binary).st_size
    say(f"  {found['start'] * 1e3:.1f} ms, {found['idle_memory'] / 1e6:.1f} MB, {found['binary_size'] / 1e6:.1f} MB")

    say("heartbeats …")
    found["heartbeats"] = heartbeats(binary, folder / "heartbeats", plan["load_seconds"])
    say(f"  {found['heartbeats']['rate']:,.0f} a second, p99 {found['heartbeats']['p99_ms']:.1f} ms, {found['heartbeats']['processor_us']:.0f} µs each")

    say("pings …")
    found["pings"] = pings(binary, folder / "pings", plan["load_seconds"])
    say(f"  {found['pings']['rate']:,.0f} a second, p99 {found['pings']['p99_ms']:.1f} ms, {found['pings']['processor_us']:.0f} µs each")

    say(f"seeding {plan['seeded']:,} finished requests …")
    full, full_token = new_plane(binary, folder / "seeded")
    full.put_secret(AGENT, full_token, "to-be-copied", f"{PREFIX}copied", "not-a-real-value")
    wait_until_drained(full)
    full.stop()
    found["seed_seconds"] = seed.seed(full.data, plan["seeded"])
    found["database_size"] = os.stat(full.data / seed.DATABASE).st_size
    say(f"  took {found['seed_seconds']:.0f} s; the database has {found['database_size'] / 1e6:,.0f} MB")

    # In turns, so that what the machine does besides strikes both alike.
    fresh, seeded = [], []
    for number in range(plan["rounds"]):
        found["speeds"].append(processor_speed(os.cpu_count()))
        plane, token = new_plane(binary, folder / f"fresh{number}")
        measured_load("fresh ledger", plane, token, plan, fresh)
        shutil.rmtree(plane.folder)
        full.start()
        measured_load("full ledger", full, full_token, plan, seeded)
    for name, results in (("fresh", fresh), ("seeded", seeded)):
        keys = ("rate", "p50_ms", "p99_ms", "max_ms", "completed_rate", "drain_seconds", "memory_after", "processor_us")
        found[name] = {key: median_of(results, key) for key in keys}
        found[name]["rates"] = [result["rate"] for result in results]
        found[name]["p99s"] = [result["p99_ms"] for result in results]

    say("lookups by id in the full ledger …")
    with full:
        dice = random.Random(1)
        ids = [seed.known_id(dice.randrange(plan["seeded"]), "seed") for _ in range(plan["lookups"])]
        full.lookup_times(ids[:50], full_token)
        times = full.lookup_times(ids, full_token)
    found["lookup_p50"], found["lookup_p99"] = report.percentile(times, 0.5), report.percentile(times, 0.99)
    say(f"  p50 {found['lookup_p50'] * 1e3:.3f} ms, p99 {found['lookup_p99'] * 1e3:.3f} ms")
    found["fsync_rate_after"] = fsync_rate(folder, plan["fsync_seconds"])
    found["others"] = max(result["others"] for result in [*fresh, *seeded, found["heartbeats"], found["pings"]])
    return found


def measured_load(what, plane, token, plan, results):
    """One round of the putSecret load on a running control plane, which is stopped after it."""
    try:
        result = put_load(plane, token, plan["load_seconds"])
        result["memory_after"] = plane.memory()
    except BaseException:
        plane.kill()
        raise
    plane.stop()
    check_outcomes(plane, result)
    results.append(result)
    say(
        f"putSecret, {what}: {result['rate']:,.0f} a second, p50 {result['p50_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms; "
        f"completed {result['completed_rate']:,.0f} a second, the last {result['drain_seconds']:.1f} s after the load; "
        f"{result['processor_us']:.0f} µs of processor time each; other work took {result['others']:.0%} of the processors"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", metavar="BINARY", type=pathlib.Path, help="the release build of cc-devops")
    parser.add_argument("--quick", action="store_true", help="a short run that writes nothing")
    parser.add_argument("--keep", action="store_true", help="keep the data folders under target/")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("bench: wrk is missing; install it with `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk`", file=sys.stderr)
        return 2
    if not arguments.binary.is_file():
        print(f"bench: there is no {arguments.binary}; build it with `make build`", file=sys.stderr)
        return 2
    full = {
        "fsync_seconds": 3, "load_seconds": 10, "rounds": 3, "starts": 10, "idle_seconds": 5, "seeded": 1_000_000,
        "lookups": 10_000,
    }
    quick = full | {"fsync_seconds": 1, "load_seconds": 3, "rounds": 1, "starts": 5, "idle_seconds": 2, "seeded": 100_000, "lookups": 2_000}
    plan = quick if arguments.quick else full

    parent = REPOSITORY / "target"
    parent.mkdir(exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        found = measure(arguments.binary.resolve(), folder, plan)
        machine = report.machine(folder)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            say(f"the data folders are in {folder.relative_to(REPOSITORY)}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    lines = report.targets(found)
    say("\n" + report.as_text(lines))
    if not arguments.quick:
        report.write_section("embedded", report.markdown(lines, found, machine))
        (REPOSITORY / "docs" / "benchmarks.svg").write_text(report.svg(lines))
        say("\nwritten: docs/BENCHMARKS.md, docs/benchmarks.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
