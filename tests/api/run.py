#!/usr/bin/env python3
"""Sends generated and hostile HTTP input, made from the API's own description, to a real server.

Usage: run.py PATH-TO-CC-DEVOPS, with the Python of an environment that has requirements.txt.
`make test` does that. The exit code is Schemathesis's: 0 when the server kept its word.

Every check there is is made, and nothing is left out: no answer of 5xx; every status, header, content
type and body is one the description has; what it allows is taken and what it forbids is refused;
without a token nothing is answered; what was removed is gone.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

NOBODY = "http://127.0.0.1:9"


def environment():
    """The caller's own settings must not reach the test, and the webhooks it makes up must reach
    nobody: what goes beyond this machine goes to a proxy that is not there."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CC_DEVOPS") and not name.lower().endswith("_proxy")
    }
    return kept | {"HTTP_PROXY": NOBODY, "HTTPS_PROXY": NOBODY, "ALL_PROXY": NOBODY, "NO_PROXY": "127.0.0.1"}


def start(binary, data):
    with open(data.parent / "server.log", "wb") as log:
        server = subprocess.Popen(
            [binary, "serve", "--data-dir", data, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            stderr=log,
            cwd=data.parent,
            env=environment(),
        )
    line = server.stdout.readline().decode()
    found = re.search(r"https?://[0-9.]+:\d+", line)
    if not found:
        server.kill()
        server.wait()
        sys.exit(f"the server did not start:\n{line}{(data.parent / 'server.log').read_text()}")
    return server, found.group()


def stop(server):
    server.send_signal(signal.SIGTERM)
    try:
        return server.wait(timeout=60)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        return None


def schemathesis(url, token, folder):
    command = [
        Path(sys.executable).parent / "schemathesis",
        "run",
        f"{url}/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        "all",
        "--max-examples",
        "30",
        "--seed",
        "1",
        "--generation-deterministic",
        "--request-timeout",
        "20",
        "--workers",
        "1",
        "--no-color",
    ]
    return subprocess.run(command, cwd=folder, env=environment(), timeout=600).returncode


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} PATH-TO-CC-DEVOPS")
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="cc-devops-api-") as folder:
        data = Path(folder) / "data"
        server, url = start(binary, data)
        try:
            added = subprocess.run(
                [binary, "agents", "add", "Tester", "--admin", "--json", "--data-dir", data],
                stdout=subprocess.PIPE,
                check=True,
                env=environment(),
                cwd=folder,
            )
            code = schemathesis(url, json.loads(added.stdout)["token"], folder)
        finally:
            ended = stop(server)
        if code != 0 or ended != 0:
            print("the end of the server's log:")
            print("\n".join((Path(folder) / "server.log").read_text().splitlines()[-40:]))
        if ended != 0:
            sys.exit(f"the server ended with {ended} when it was asked to stop")
        sys.exit(code)


if __name__ == "__main__":
    main()
