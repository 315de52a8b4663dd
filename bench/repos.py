"""Measures the hygiene of repositories: an audit and a look at workflows on a fake GitHub, beside a checker that asks REST one by one.

    repos.py BINARY FAKE [--quick]

BINARY is cc-devops, FAKE the built example `fake_github`. Everything is on loopback and of the release profile. Writes its
part of docs/BENCHMARKS.md.

Exit codes: 0, measured, whether or not the targets were met; 1, a repository was lost.
"""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse

import part
import report
from control_plane import Failed, own_environment
from part import say

LATENCY_MS, WORKFLOWS = 100, 3
# What a checker without GraphQL asks of each repository.
CALLS = ["", "/branches/main", "/branches/main/protection", "/rulesets", "/vulnerability-alerts", "/automated-security-fixes"]


# Starts a command and says how it ended, its seconds and its peak memory. A process inherits the peak of who started it, and
# this program holds large reports; the waiter is small. Its own start is not in the seconds.
WAITER = """
import os, sys, time
began = time.perf_counter()
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - began
with open(sys.argv[1], "w") as used:
    used.write(f"{status} {seconds} {usage.ru_maxrss}")
"""


@contextlib.contextmanager
def fake_github(fake, repositories, latency_ms, workflows=WORKFLOWS, deep=True):
    """A fake GitHub; how often each kind of request came is in what is given once it has ended."""
    command = [fake, "--repositories", str(repositories), "--workflows", str(workflows), "--failing", "0", *(["--deep"] if deep else [])]
    process = subprocess.Popen([*command, "--latency-ms", str(latency_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    github = json.loads(process.stdout.readline())
    try:
        yield github
    finally:
        process.stdin.close()
        github |= json.loads(process.stdout.readline() or "{}")
        process.wait(timeout=30)


def run(binary, data, github, *command):
    """A command's JSON answer, its seconds, its peak memory in bytes."""
    environment = own_environment(GITHUB_TOKEN=github["token"], CC_DEVOPS__GITHUB__API_URL=github["url"])
    with tempfile.TemporaryFile() as answer, tempfile.NamedTemporaryFile("r") as used:
        command = [binary, "--data-dir", data, *command, "--owner", github["owner"], "--json"]
        subprocess.run([sys.executable, "-c", WAITER, used.name, *map(str, command)],
                       env=environment, cwd=data, stdin=subprocess.DEVNULL, stdout=answer, check=True)
        status, seconds, peak = used.read().split()
        answer.seek(0)
        text = answer.read().decode()
    # 1 says that there are breaches, or failing workflows.
    if os.waitstatus_to_exitcode(int(status)) not in (0, 1) or not text:
        raise Failed(f"{command} ended with {status}: {text[-500:]}")
    return json.loads(text), float(seconds), int(peak) * 1024


def one_by_one(github, count):
    """Seconds that a checker takes which asks REST for one repository after the other, over one connection."""
    address = urllib.parse.urlsplit(github["url"])
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {"Authorization": f"Bearer {github['token']}"}
    began = time.perf_counter()
    for number in range(count):
        for call in CALLS:
            connection.request("GET", f"/repos/{github['owner']}/bulk-{number:05}{call}", headers=headers)
            connection.getresponse().read()
    return time.perf_counter() - began


def total(github):
    return sum(github["requests"].values())


def of_kind(github, part):
    return sum(times for kind, times in github["requests"].items() if part in kind)


def measure(binary, fake, folder, plan):
    found = {"plan": plan}
    count, data = plan["repositories"], folder / "data"
    data.mkdir(mode=0o700)
    say(f"{count:,} repositories at {LATENCY_MS} ms a request, nothing known")
    with fake_github(fake, count, LATENCY_MS) as github:
        audit, found["cold_seconds"], _ = run(binary, data, github, "repos", "audit")
        if len(audit["repositories"]) != count or not audit["complete"]:
            raise Failed(f"{len(audit['repositories']):,} of {count:,} repositories were audited")
    found["lists"], found["trees"] = of_kind(github, "actions/workflows"), of_kind(github, "git/trees")
    found["cold"] = total(github)
    # What is asked of each repository, because only REST has it.
    found["settings"] = found["cold"] - of_kind(github, "/repos/{owner}/")
    say(f"  {found['cold_seconds']:.1f} s, {found['cold']:,} requests: {found['settings']} for all, {found['lists']:,} lists of "
        f"workflows, {found['trees']:,} trees; again")
    with fake_github(fake, count, LATENCY_MS) as github:
        _, found["seconds"], _ = run(binary, data, github, "repos", "audit")
        audited = plan["sequential"]
    found["warm"] = total(github)
    say(f"  {found['seconds']:.2f} s, {found['warm']} requests; workflows")
    with fake_github(fake, count, LATENCY_MS) as github:
        _, found["monitor_seconds"], _ = run(binary, data, github, "workflows", "check")
    found["monitor"] = total(github)
    say(f"  {found['monitor_seconds']:.2f} s, {found['monitor']} requests; {audited} repositories one by one")
    with fake_github(fake, count, LATENCY_MS) as github:
        found["sequential_seconds"] = one_by_one(github, audited) * count / audited
    say(f"  {found['sequential_seconds']:.0f} s for all of them; {plan['large']:,} repositories")
    large = folder / "large"
    large.mkdir(mode=0o700)
    with fake_github(fake, plan["large"], 0, workflows=0, deep=False) as github:
        audit, found["large_seconds"], found["memory"] = run(binary, large, github, "repos", "audit")
        if len(audit["repositories"]) != plan["large"]:
            raise Failed(f"{len(audit['repositories']):,} of {plan['large']:,} repositories were audited")
        del audit
        _, _, found["memory_again"] = run(binary, large, github, "repos", "audit")
    say(f"  {found['memory'] / 1e6:.0f} MB, {found['large_seconds']:.0f} s; again {found['memory_again'] / 1e6:.0f} MB")
    return found


def targets(found):
    plan = found["plan"]
    count = f"{plan['repositories']:,} repositories"
    return [
        report.Target(f"{count}, nothing known: requests beside what only REST has", found["settings"], 60, "", 0, False),
        report.Target(f"{count}, workflows known: requests of the monitor", found["monitor"], 45, "", 0, False),
        report.Target(f"{count}, workflows known: requests of the daily audit", found["warm"], 60, "", 0, False),
        report.Target(f"{count} at {LATENCY_MS} ms a request: an audit", found["seconds"], 3, " s", 2, False),
        report.Target("the same: times as fast as six REST calls, one by one", found["sequential_seconds"] / found["seconds"], 1, " x", 0, True),
        report.Target(f"memory for {plan['large']:,} repositories", max(found["memory"], found["memory_again"]) / 1e6, 100, " MB", 0, False),
    ]


def markdown(lines, found, about):
    plan = found["plan"]
    return f"""## Repositories

Written by `make bench-repos` on {report.today()}. GitHub is a fake on loopback that takes {LATENCY_MS} ms for each request; every
repository has {WORKFLOWS} workflows.

{report.target_table(lines)}

| {plan['repositories']:,} repositories | seconds | requests |
| --- | ---: | ---: |
| the first audit, which reads every repository's tree and list of workflows at GitHub's pace | {found['cold_seconds']:.1f} | {found['cold']:,} |
| the next audit | {found['seconds']:.2f} | {found['warm']} |
| a look at all workflows, none of which fails | {found['monitor_seconds']:.2f} | {found['monitor']} |
| six REST calls a repository, one after the other | {found['sequential_seconds']:.0f} | {6 * plan['repositories']:,} |

{report.machine_table(about)}

- The one-by-one checker ran over {plan['sequential']} repositories, and its time is scaled up; it judges nothing.
- Of the first audit's requests {found['lists']:,} list workflows and {found['trees']:,} read trees, one of each for a repository, because
  only REST has them; they are kept, and asked for again only where something was pushed.
- Memory is the peak of the process's resident set while it audits {plan['large']:,} repositories without workflows, without
  latency, and writes the report as JSON: {found['memory'] / 1e6:.0f} MB the first time ({found['large_seconds']:.0f} s), {found['memory_again'] / 1e6:.0f} MB the second.
- A workflow that fails costs the monitor two REST calls more, and its issue one more lookup for each ten repositories.
"""


FILES = [("BINARY", "cc-devops, release build"), ("FAKE", "the built example fake_github")]
FULL = {"repositories": 1_000, "large": 10_000, "sequential": 50}
QUICK = {"repositories": 100, "large": 200, "sequential": 5}

if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "repos", "repositories", FULL, QUICK, measure, targets, markdown))
