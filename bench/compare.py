#!/usr/bin/env python3
"""Measures two builds of cc-devops side by side, in alternating rounds, and tells the ratios.

    python3 bench/compare.py BASE NEW                    putSecret, heartbeats, putSecret on a full ledger, a crash
    python3 bench/compare.py BASE NEW --only put,beat --rounds 3 --seconds 8
    python3 bench/compare.py BASE NEW --only year        what a year of requests weighs
    python3 bench/compare.py BASE NEW --write            also writes the section in docs/BENCHMARKS.md

A round measures both builds, one after the other, and the next round in the other order, so that what the
machine does besides strikes both alike. Needs wrk. Exit code 0: measured; 1: an acknowledged request was lost
or failed, or a server misbehaved; 2: something is missing that the measurement needs.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import report
import run as bench
import seed
from control_plane import ControlPlane, Failed, own_environment

PARTS = ("put", "beat", "full", "crash", "year")
A_YEAR, A_DAY = 365, 10_000
KEPT_DAYS = 30
# A file that did not shrink for so many seconds shrinks no more.
STEADY = 120
RETENTION = (
    f"[retention]\nrequests_days = {KEPT_DAYS}\nevents_days = {KEPT_DAYS}\n"
    f"dead_letters_days = {KEPT_DAYS}\noutputs_days = {KEPT_DAYS}\n"
)


class Build:
    """One of the two builds, and what was measured of it, by what it is."""

    def __init__(self, name, binary, folder):
        self.name, self.binary, self.folder = name, binary.resolve(), folder / name
        self.found = {}

    def keep(self, what, value):
        self.found.setdefault(what, []).append(value)

    def fresh_folder(self, what):
        folder = self.folder / what
        shutil.rmtree(folder, ignore_errors=True)
        return folder


def put(build, plan):
    """putSecret on a fresh ledger."""
    results = []
    plane, token = bench.new_plane(build.binary, build.fresh_folder("put"))
    bench.measured_load(f"fresh ledger, {build.name}", plane, token, plan, results)
    shutil.rmtree(plane.folder)
    build.keep("putSecret, acknowledged a second", results[0]["rate"])
    build.keep("putSecret, completed a second", results[0]["completed_rate"])
    build.keep("putSecret, processor µs each", results[0]["processor_us"])
    build.keep("putSecret, p99 ms", results[0]["p99_ms"])


def beat(build, plan):
    """Heartbeats."""
    result = bench.heartbeats(build.binary, build.fresh_folder("beat"), plan["load_seconds"])
    bench.say(f"heartbeats, {build.name}: {result['rate']:,.0f} a second, {result['processor_us']:.0f} µs of processor time each")
    build.keep("heartbeats a second", result["rate"])
    build.keep("heartbeats, processor µs each", result["processor_us"])


def prepared(build, what, count, **spread):
    """A stopped control plane with so many finished requests; made once for each build."""
    plane = ControlPlane(build.binary, build.folder / what)
    token = build.folder / f"{what}.token"
    if token.exists():
        return plane, token.read_text()
    plane, made = bench.new_plane(build.binary, build.folder / what)
    plane.put_secret(bench.AGENT, made, "to-be-copied", f"{bench.PREFIX}copied", "not-a-real-value")
    bench.wait_until_drained(plane)
    plane.stop()
    bench.say(f"seeding {count:,} finished requests, {build.name} …")
    seconds = seed.seed(plane.data, count, **spread)
    size = os.stat(plane.data / seed.DATABASE).st_size
    bench.say(f"  took {seconds:.0f} s; the database has {size / 1e6:,.0f} MB")
    token.write_text(made)
    return plane, made


def full(build, plan):
    """putSecret on a ledger with many finished requests."""
    results = []
    plane, token = prepared(build, "full", plan["seeded"])
    plane.start()
    bench.measured_load(f"full ledger, {build.name}", plane, token, plan, results)
    build.keep(f"putSecret with {plan['seeded']:,} finished requests, acknowledged a second", results[0]["rate"])


def crash(build, plan):
    """SIGKILL under load, restart, and the time until the last acknowledged request is concluded."""
    plane, token = bench.new_plane(build.binary, build.fresh_folder("crash"))
    environment = own_environment(
        CC_BENCH_TOKEN=token, CC_BENCH_AGENT=bench.AGENT, CC_BENCH_RUN="crash", CC_BENCH_PREFIX=bench.PREFIX,
        CC_BENCH_SECRETS=str(bench.SECRETS),
    )
    command = ["wrk", "-t2", f"-c{bench.CONNECTIONS}", "-d60s", "-s", bench.HERE / "put_secret.lua", plane.url]
    load = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)  # the moment under load itself is what is wanted
        plane.kill()
    finally:
        load.kill()
        load.wait()
    with contextlib.closing(sqlite3.connect(plane.data / seed.DATABASE)) as db:
        left = db.execute("SELECT count(*) FROM requests WHERE completed IS NULL").fetchone()[0]
    ready = plane.start()
    since = time.perf_counter()
    try:
        took = bench.wait_until_drained(plane) - since
    except BaseException:
        plane.kill()
        raise
    plane.stop()
    with contextlib.closing(sqlite3.connect(plane.data / seed.DATABASE)) as db:
        failed = db.execute("SELECT count(*) FROM requests WHERE status IS NOT 'success'").fetchone()[0]
    if failed:
        raise Failed(f"{failed} requests did not succeed after the restart")
    bench.say(f"SIGKILL under load, {build.name}: {left} requests open, ready after {ready:.2f} s, concluded {took:.2f} s later")
    shutil.rmtree(plane.folder)
    build.keep("SIGKILL under load: seconds from ready to the last request concluded", took)


def year(build, plan):
    """What a year of requests weighs, as it is and after retention."""
    count = plan["year"]
    plane, token = prepared(build, "year", count, over_days=A_YEAR)
    plane.start()
    plane.stop()
    scale = A_YEAR * A_DAY / count
    weighed = os.stat(plane.data / seed.DATABASE).st_size * scale
    bench.say(f"a year, {build.name}: {weighed / 1e9:.2f} GB")
    build.keep("a year of 10,000 requests a day, MB", weighed / 1e6)
    if not plane.takes(RETENTION):
        bench.say(f"  {build.name} has no retention")
        return
    kept = ControlPlane(build.binary, plane.folder, RETENTION)
    seed.make_due(kept.data, "retention")
    kept.start()
    # What is younger than the limit stays, and a day's worth may be on the limit.
    expected = count * (KEPT_DAYS + 1) // A_YEAR
    started = time.perf_counter()
    while (left := seed.left(kept.data)) > expected:
        if time.perf_counter() - started > plan["forget_seconds"]:
            raise Failed(f"{left:,} requests are left {plan['forget_seconds']} s after the start, {expected:,} are wanted")
        time.sleep(1)
    forgot = time.perf_counter() - started
    plane_size = lambda: os.stat(kept.data / seed.DATABASE).st_size  # noqa: E731
    # What refers to what is gone goes after it, and the room is given back at the end.
    smallest, since = plane_size(), time.perf_counter()
    while time.perf_counter() - since < STEADY:
        time.sleep(1)
        if plane_size() < smallest:
            smallest, since = plane_size(), time.perf_counter()
    kept.stop()
    weighed = plane_size() * scale
    bench.say(f"  with {KEPT_DAYS} days kept: {weighed / 1e9:.2f} GB, after {forgot:.0f} s")
    build.keep(f"the same with requests and events of {KEPT_DAYS} days, MB", weighed / 1e6)
    build.keep("seconds until what is older was forgotten", forgot)


def ratios(base, new):
    """Rows: what, the medians of both, and the ratios of the rounds."""
    rows = []
    for what, values in new.found.items():
        before = base.found.get(what)
        if not before:
            rows.append((what, None, statistics.median(values), None))
            continue
        each = sorted(now / then for now, then in zip(values, before) if then)
        spread = (each[0], statistics.median(each), each[-1]) if each else None
        rows.append((what, statistics.median(before), statistics.median(values), spread))
    return rows


def shown(number):
    return "—" if number is None else f"{number:,.0f}" if number >= 100 else f"{number:,.2f}"


def table(rows):
    lines = ["| what | base | new | new / base: min, median, max |", "| --- | ---: | ---: | ---: |"]
    for what, before, after, spread in rows:
        text = "—" if spread is None else ", ".join(f"{ratio:.2f}" for ratio in spread)
        lines.append(f"| {what} | {shown(before)} | {shown(after)} | {text} |")
    return "\n".join(lines)


def markdown(plan, rows, machine):
    return f"""## Side by side with an earlier build

Written by `make bench-compare` on {report.today()}: {plan['rounds']} rounds of {plan['load_seconds']} s in turns, 64 connections; medians, and the ratios of the
rounds. Of processor time, latency, weight and seconds less is better.

{table(rows)}

- A year is {plan['year']:,} requests spread over 365 days by `bench/seed.py`, each with its row, audit row, event and secret
  version, counted up to 3,650,000. The audit trail is kept.

{report.machine_table(machine)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE", type=pathlib.Path, help="the build to compare with")
    parser.add_argument("new", metavar="NEW", type=pathlib.Path, help="the build to measure")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="how long each load lasts")
    parser.add_argument("--seeded", type=int, default=1_000_000, help="how many finished requests the full ledger has")
    parser.add_argument("--year", type=int, default=365_000, help="how many requests stand for a year")
    parser.add_argument("--forget-seconds", type=int, default=600, help="how long retention may take for the year")
    parser.add_argument("--write", action="store_true", help="write the section in docs/BENCHMARKS.md")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    missing = [str(binary) for binary in (arguments.base, arguments.new) if not binary.is_file()]
    if missing or shutil.which("wrk") is None or not set(parts) <= set(PARTS):
        print(f"compare: missing: {', '.join(missing) or 'wrk, or a part of that name'}", file=sys.stderr)
        return 2
    plan = {
        "rounds": arguments.rounds, "load_seconds": arguments.seconds, "seeded": arguments.seeded,
        "year": arguments.year, "forget_seconds": arguments.forget_seconds,
    }
    parent = bench.REPOSITORY / "target"
    parent.mkdir(exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="compare-", dir=parent))
    base, new = Build("base", arguments.base, folder), Build("new", arguments.new, folder)
    measures = {"put": put, "beat": beat, "full": full, "crash": crash}
    try:
        for number in range(plan["rounds"]):
            for part, measure in measures.items():
                if part in parts:
                    for build in (base, new) if number % 2 == 0 else (new, base):
                        measure(build, plan)
        if "year" in parts:
            for build in (base, new):
                year(build, plan)
        machine = report.machine(folder)
    except Failed as failure:
        print(f"compare: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = ratios(base, new)
    bench.say("\n" + table(rows))
    if arguments.write:
        report.write_section("compare", markdown(plan, rows, machine))
        bench.say("\nwritten: docs/BENCHMARKS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
