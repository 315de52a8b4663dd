"""Holds idle connections of strangers open and measures what that does to everybody else.

    strangers.py BINARY [--quick]

BINARY is cc-devops of the release profile. Half of the strangers say nothing, half say hello in HTTP/2 and then nothing.
They come from many addresses of 127.0.0.0/8. Meanwhile /health is asked on fresh connections; then the server is told to
stop while they are all there. Writes its part of docs/BENCHMARKS.md.

Exit codes: 0, measured, whether or not the targets were met; 1, /health did not answer, or not so many connections could be
had here.
"""

import contextlib
import resource
import signal
import socket
import sys
import time

import part
import report
from control_plane import ControlPlane, Failed
from part import say

FILES = [("BINARY", "cc-devops, release build")]
FULL = {"strangers": 5_000, "looks": 200}
QUICK = {"strangers": 500, "looks": 50}
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
# Strangers of one address; the server takes 1,024 of one.
OF_ONE = 500
# What this program itself has open besides.
OWN_FILES = 256


def stranger(plane, number):
    address = f"127.0.{1 + number // OF_ONE}.1"
    connection = socket.create_connection((plane.host, plane.port), timeout=10, source_address=(address, 0))
    if number % 2:
        # Whoever came when all places were taken may be told to go by now.
        with contextlib.suppress(OSError):
            connection.sendall(HELLO)
    return connection


def looks(plane, count):
    """So many looks at /health, in milliseconds, the quickest first."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        status, _ = plane.ask("GET", "/health")
        if status != 200:
            raise Failed(f"/health answers {status}")
        times.append((time.perf_counter() - started) * 1e3)
    return sorted(times)


def may_open(files):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        raise Failed(f"this program may have {hard} files open, and needs {files}: raise its limit with `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), hard))


def measure(binary, folder, plan):
    found = {"plan": plan}
    with ControlPlane(binary, folder / "strangers") as plane:
        # After the server was started, which raises its own limit.
        may_open(plan["strangers"] + OWN_FILES)
        found["alone"] = looks(plane, plan["looks"])
        before = plane.memory()
        say(f"{plan['strangers']:,} strangers …")
        started = time.perf_counter()
        strangers = [stranger(plane, number) for number in range(plan["strangers"])]
        found["connected_s"] = time.perf_counter() - started
        found["beside"] = looks(plane, plan["looks"])
        found["each"] = (plane.memory() - before) / len(strangers)
        started = time.perf_counter()
        plane.process.send_signal(signal.SIGTERM)
        plane.process.wait(60)
        found["stop_s"] = time.perf_counter() - started
        for connection in strangers:
            connection.close()
    return found


def targets(found):
    count = f"{found['plan']['strangers']:,}"
    return [
        report.Target(f"the slowest look at `/health` beside {count} idle strangers", found["beside"][-1], 100, " ms", 1, False),
        report.Target("a stop with all of them there", found["stop_s"], 1, " s", 2, False),
    ]


def markdown(lines, found, about):
    plan = found["plan"]
    median = plan["looks"] // 2
    return f"""## Strangers who say nothing

Written by `make bench-strangers` on {report.today()}.

{report.target_table(lines)}

| what | |
| --- | ---: |
| `/health` alone, median and slowest of {plan['looks']} | {found['alone'][median]:.2f} ms, {found['alone'][-1]:.2f} ms |
| the same beside them | {found['beside'][median]:.2f} ms, {found['beside'][-1]:.2f} ms |
| until all {plan['strangers']:,} were connected | {found['connected_s']:.2f} s |
| memory of one of them | {found['each'] / 1024:.1f} KiB |

- A release build with its default configuration, plain HTTP on loopback, one stranger after the other from {-(-plan['strangers'] // OF_ONE)} addresses.
  Half of them say nothing, half greet in HTTP/2 and then say nothing. `/health` is asked on a new connection each time.

{report.machine_table(about)}
"""


if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "strangers", "strangers", FULL, QUICK, measure, targets, markdown))
