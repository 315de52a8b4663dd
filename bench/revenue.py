"""Measures MRR: an account read from a fake Stripe, beside the official SDK; memory; figures from a file.

    revenue.py BINARY EXAMPLES [--quick]

BINARY is cc-devops, EXAMPLES the folder with the built examples `fake_stripe` and `compute_speed`. Runs in the environment of
tests/peers/stripe.txt. Everything is on loopback and of the release profile. Writes its part of docs/BENCHMARKS.md.

Exit codes: 0, measured, whether or not the targets were met; 1, a subscription was lost or the limit was passed.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import part
import report
from control_plane import ControlPlane, Failed, own_environment
from part import say

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
LATENCY_MS, RATE, PAGE = 200, 25, 100


@contextlib.contextmanager
def fake_stripe(examples, subscriptions, latency_ms):
    """A fake account; its counters are in what is given once it has ended."""
    command = [examples / "fake_stripe", "--subscriptions", str(subscriptions), "--latency-ms", str(latency_ms), "--rate", str(RATE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    account = json.loads(process.stdout.readline())
    try:
        yield account
    finally:
        process.stdin.close()
        account["counters"] = json.loads(process.stdout.readline() or "{}")
        process.wait(timeout=30)


def run_report(binary, data, account, *options):
    """`cc-devops revenue report`: what it answers, its seconds, its peak memory in bytes."""
    environment = own_environment(STRIPE_API_KEY=account["key"], CC_DEVOPS__STRIPE__API_URL=account["url"])
    command = [binary, "--data-dir", data, "revenue", "report", "--rate", "eur=1.08", *options]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as answer:
        process = subprocess.Popen(command, env=environment, cwd=data, stdin=subprocess.DEVNULL, stdout=answer)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        answer.seek(0)
        text = answer.read().decode()
    if process.returncode != 0:
        raise Failed(f"revenue report ended with {process.returncode}: {text[-500:]}")
    return text, seconds, usage.ru_maxrss * 1024


def subscriptions_of(text):
    return json.loads(text)["subscription_count"]


def measure(binary, examples, folder, plan):
    plane = ControlPlane(binary, folder)
    plane.start()
    plane.stop()
    found = {"plan": plan}
    count = plan["account"]
    say(f"an account of {count:,} at {LATENCY_MS} ms and {RATE} requests a second")
    with fake_stripe(examples, count, LATENCY_MS) as account:
        text, found["seconds"], found["account_memory"] = run_report(binary, plane.data, account, "--dry-run", "--json")
        if subscriptions_of(text) != count:
            raise Failed(f"{subscriptions_of(text):,} of {count:,} subscriptions were read")
    found["counters"] = account["counters"]
    if account["counters"]["most_of_an_endpoint"] > RATE:
        raise Failed(f"the limit was passed: {account['counters']}")
    say(f"  {found['seconds']:.1f} s; the official SDK on the same account")
    with fake_stripe(examples, count, LATENCY_MS) as account:
        command = [sys.executable, REPOSITORY / "tests" / "stripe_sdk" / "read.py", account["url"], account["key"], "--count"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        sdk = json.loads(done.stdout)
        if sdk["subscriptions"] != count:
            raise Failed(f"the SDK read {sdk['subscriptions']:,} of {count:,}")
        found["sdk_seconds"] = sdk["seconds"]
    say(f"  {found['sdk_seconds']:.1f} s; an account of {plan['large']:,}, kept")
    with fake_stripe(examples, plan["large"], 0) as account:
        text, found["large_seconds"], found["memory"] = run_report(binary, plane.data, account)
        shown = [line for line in text.splitlines() if line.startswith("subscribers")]
        if not shown or int(shown[0].split()[1]) != plan["large"]:
            raise Failed(f"the report of {plan['large']:,} says {shown}")
    say(f"  {found['memory'] / 1e6:.0f} MB; figures from a file")
    done = subprocess.run([examples / "compute_speed", str(plan["compute"])], capture_output=True, text=True, check=True)
    found["compute"] = json.loads(done.stdout)
    return found


def targets(found):
    compute, plan = found["compute"], found["plan"]
    limit = plan["account"] / PAGE / RATE
    times = f"{plan['account']:,} subscriptions at {LATENCY_MS} ms: times the limit's own {limit:.0f} s"
    return [
        report.Target(times, found["seconds"] / limit, 1.15, " x", 2, False),
        report.Target("the same: times as fast as the official SDK", found["sdk_seconds"] / found["seconds"], 1, " x", 1, True),
        report.Target(f"memory for {plan['large']:,} subscriptions, all kept", found["memory"] / 1e6, 100, " MB", 0, False),
        report.Target(f"figures from a file of {plan['compute']:,}", compute["compute_per_second"], 100_000, "/s", 0, True),
        report.Target("the same, of plain typed parsing", compute["compute_per_second"] / compute["plain_parsing_per_second"], 0.7, "", 2, True),
    ]


def markdown(lines, found, about):
    plan, compute = found["plan"], found["compute"]
    return f"""## MRR from Stripe

Written by `make bench-revenue` on {report.today()}. The account is a fake Stripe on loopback that lets in {RATE} requests a second, as
Stripe does for one endpoint, and takes {LATENCY_MS} ms for each.

{report.target_table(lines)}

| {plan['account']:,} subscriptions | seconds |
| --- | ---: |
| the limit alone: {plan['account'] // PAGE:,} pages at {RATE} a second | {plan['account'] / PAGE / RATE:.1f} |
| `cc-devops revenue report --dry-run` | {found['seconds']:.1f} |
| the official Python SDK, auto-paging, which computes nothing | {found['sdk_seconds']:.1f} |

{report.machine_table(about)}

- The report made {found['counters']['requests']:,} requests, prices, coupons and balance transactions among them; the fake let in at
  most {found['counters']['most_of_an_endpoint']} of one endpoint in any second and refused {found['counters']['rate_limited']:,}.
- Memory is the peak of the process's resident set, the program itself included, while it reads {plan['large']:,} subscriptions of as
  many customers and keeps each customer's figure ({found['large_seconds']:.0f} s, of which the limit's are
  {plan['large'] / PAGE / RATE:.0f}); with {plan['account']:,} it is {found['account_memory'] / 1e6:.0f} MB.
- Figures from a file: NDJSON of {compute['bytes'] / 1e6:,.0f} MB on {compute['cores']} cores, the best of five rounds, in turns with plain
  typed parsing of the same file on as many ({compute['plain_parsing_per_second']:,}/s). With every line explained:
  {compute['explain_per_second']:,}/s.
"""


FILES = [("BINARY", "cc-devops, release build"), ("EXAMPLES", "the folder of the built examples")]
FULL = {"account": 100_000, "large": 1_000_000, "compute": 200_000}
QUICK = {"account": 5_000, "large": 20_000, "compute": 20_000}

if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "revenue", "MRR", FULL, QUICK, measure, targets, markdown))
