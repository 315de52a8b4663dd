#!/usr/bin/env python3
"""Holds idle connections of strangers open and measures what that does to everybody else.

    python3 bench/strangers.py TARGET/RELEASE/CC-DEVOPS
    python3 bench/strangers.py BINARY --strangers 20000

Half of the strangers say nothing, half say hello in HTTP/2 and then nothing. They come from many
addresses of 127.0.0.0/8. Meanwhile /health is asked on fresh connections; then the server is told to
stop while they are all there. Exit code 0: measured, and within the bounds below; 1: out of bounds; 2: it
could not be measured.
"""

import argparse
import contextlib
import pathlib
import resource
import signal
import socket
import sys
import tempfile
import time

from control_plane import ControlPlane, Failed

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
# What is promised: /health within so many seconds each time, and a stop within so many.
HEALTH, STOP = 0.1, 1.0
LOOKS = 200
# Strangers of one address; the server takes 1,024 of one.
OF_ONE = 500


def stranger(plane, number):
    address = f"127.0.{1 + number // OF_ONE}.1"
    connection = socket.create_connection((plane.host, plane.port), timeout=10, source_address=(address, 0))
    if number % 2:
        # Whoever came when all places were taken may be told to go by now.
        with contextlib.suppress(OSError):
            connection.sendall(HELLO)
    return connection


def memory(plane):
    status = pathlib.Path(f"/proc/{plane.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def look(plane):
    started = time.perf_counter()
    status, _ = plane.ask("GET", "/health")
    if status != 200:
        raise Failed(f"/health answers {status}")
    return time.perf_counter() - started


def tell(what, value):
    print(f"{what:<44} {value}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--strangers", type=int, default=5_000)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = arguments.strangers + 256
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Failed(f"this program may have {hard} files open, and needs {needed}")
    with tempfile.TemporaryDirectory(prefix="cc-devops-strangers-") as folder:
        plane = ControlPlane(arguments.binary, folder)
        with plane:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
            alone = sorted(look(plane) for _ in range(LOOKS))
            before = memory(plane)
            started = time.perf_counter()
            strangers = [stranger(plane, number) for number in range(arguments.strangers)]
            took = time.perf_counter() - started
            beside = sorted(look(plane) for _ in range(LOOKS))
            each = (memory(plane) - before) * 1024 / len(strangers)
            tell("strangers", f"{len(strangers)}, connected in {took:.2f} s")
            tell("/health alone, median and slowest", f"{alone[LOOKS // 2] * 1e3:.2f} ms, {alone[-1] * 1e3:.2f} ms")
            tell("/health beside them, median and slowest", f"{beside[LOOKS // 2] * 1e3:.2f} ms, {beside[-1] * 1e3:.2f} ms")
            tell("memory of one stranger", f"{each:.1f} KiB")
            started = time.perf_counter()
            plane.process.send_signal(signal.SIGTERM)
            plane.process.wait(60)
            stopped = time.perf_counter() - started
            tell("stop with all of them there", f"{stopped:.2f} s")
            for connection in strangers:
                connection.close()
    return 0 if beside[-1] < HEALTH and stopped < STOP else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        print(error, file=sys.stderr)
        sys.exit(2)
