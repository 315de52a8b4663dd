"""Measures the dashboard: the overview and every other page with many agents and requests in the store, while requests are taken;
how large pages and assets are.

    dashboard.py BINARY EXAMPLE [--quick]

BINARY is cc-devops, EXAMPLE the built example `fleet_speed`, which makes the agents. Both are of the release profile. Needs wrk.
Writes its part of docs/BENCHMARKS.md.

Exit codes: 0, measured, whether or not the targets were met; 1, a page did not come, or a request was lost.
"""

import concurrent.futures
import gzip
import http.client
import re
import subprocess
import sys
import time
import urllib.parse

import part
import report
from control_plane import ControlPlane, Failed
from part import say
from run import HERE, wrk

AGENT = "LoadAgent"
# The pages of the navigation.
PAGES = [
    "", "/agents", "/requests", "/deploys", "/alerts", "/secrets", "/revenue", "/repositories", "/audit", "/policies", "/webhooks",
    "/settings", "/health",
]


class Browser:
    """A browser that has signed in, with one connection."""

    def __init__(self, plane):
        self.connection = http.client.HTTPConnection(plane.host, plane.port, timeout=30)
        form = urllib.parse.urlencode({"token": plane.admin_token()})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        answer, _ = self.ask("POST", "/ui/login", form, headers)
        if answer.status != 303:
            raise Failed(f"nobody could sign in: {answer.status}")
        self.cookie = answer.getheader("Set-Cookie").split(";")[0]

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return answer, answer.read()

    def page(self, path):
        """A page's body, and the milliseconds until it was there."""
        began = time.perf_counter()
        answer, body = self.ask("GET", path, headers={"Cookie": self.cookie})
        took = (time.perf_counter() - began) * 1e3
        if answer.status != 200:
            raise Failed(f"{path} answered with {answer.status}: {body[:300]}")
        return body, took


def load(plane, token, plan):
    """Requests at a rate, as long as the measurement lasts: each connection sends one and pauses."""
    return wrk(
        "put_secret_paced.lua", plane.url, plan["seconds"], 1, CC_BENCH_TOKEN=token, CC_BENCH_AGENT=AGENT, CC_BENCH_RUN="dashboard",
        CC_BENCH_SECRETS="1000", CC_BENCH_PREFIX=f"/contentcraft/{AGENT.lower()}/", CC_BENCH_PAUSE_MS=str(plan["pause_ms"]),
    )


def measure(binary, example, folder, plan):
    say(f"{plan['agents']:,} agents, {plan['requests']:,} requests …")
    part.answered([example, folder, str(plan["agents"]), "100"])
    home = folder / "many"
    with ControlPlane(binary, home) as plane:
        token = plane.add_agent(AGENT)
        plane.put_secret(AGENT, token, "first", f"/contentcraft/{AGENT.lower()}/first", "value")
    subprocess.run(
        [sys.executable, HERE / "seed.py", plane.data, str(plan["requests"]), "--over-days", "30"], check=True,
        stdout=subprocess.DEVNULL,
    )
    with ControlPlane(binary, home) as plane:
        browser = Browser(plane)
        sizes, idle = {}, {}
        for page in PAGES:
            body, _ = browser.page(f"/ui{page}")
            sizes[page or "/"] = len(body)
            idle[page or "/"] = report.percentile([browser.page(f"/ui{page}")[1] for _ in range(plan["looks"])], 0.99)
        overview = browser.page("/ui")[0].decode()
        assets = 0
        for asset in sorted(set(re.findall(r'(?:href|src)="(/ui/assets/[^"]+)"', overview))):
            answer, body = browser.ask("GET", asset, headers={"Accept-Encoding": "gzip", "Cookie": browser.cookie})
            assets += len(body) if answer.getheader("Content-Encoding") == "gzip" else len(gzip.compress(body))
        say("  the overview while requests are taken …")
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            sender = beside.submit(load, plane, token, plan)
            times, deadline = [], time.perf_counter() + plan["seconds"] - 1
            while time.perf_counter() < deadline:
                times.append(browser.page("/ui")[1])
            sent = sender.result()
    found = {
        "plan": plan, "sizes": sizes, "idle": idle, "assets": assets, "rate": sent["rate"],
        "overview_p50": report.percentile(times, 0.5), "overview_p99": report.percentile(times, 0.99), "looks": len(times),
    }
    say(f"  overview p99 {found['overview_p99']:.1f} ms at {found['rate']:,.0f} requests a second")
    return found


def targets(found):
    largest = max(found["sizes"], key=found["sizes"].get)
    slowest = max(found["idle"], key=found["idle"].get)
    return [
        report.Target("the overview while requests are taken, p99", found["overview_p99"], 50, " ms", 1, False),
        report.Target(f"the slowest page, {slowest}, with nothing else going on, p99", found["idle"][slowest], 50, " ms", 1, False),
        report.Target(f"the largest page, {largest}", found["sizes"][largest] / 1e3, 150, " kB", 0, False),
        report.Target("style, scripts and icon, compressed", found["assets"] / 1e3, 30, " kB", 1, False),
    ]


def markdown(lines, found, about):
    plan = found["plan"]
    rows = "\n".join(
        f"| {page} | {found['sizes'][page] / 1e3:.0f} kB | {found['idle'][page]:.1f} ms |" for page in sorted(found["sizes"])
    )
    return f"""## The dashboard

Written by `make bench-dashboard` on {report.today()}, with {plan['agents']:,} agents and {plan['requests']:,} requests in the store.

{report.target_table(lines)}

{report.machine_table(about)}

- The overview was asked for {found['looks']:,} times over one connection while {found['rate']:,.0f} `putSecret` requests a second were
  taken: {found['overview_p50']:.1f} ms at the median. Whoever sends and whoever looks are on the same machine as the server.
- Each page alone, asked for {plan['looks']} times in a row:

| page | HTML | p99 |
|---|---:|---:|
{rows}
"""


FILES = [("BINARY", "cc-devops, release build"), ("EXAMPLE", "the built example fleet_speed")]
FULL = {"agents": 10_000, "requests": 100_000, "looks": 100, "seconds": 20, "pause_ms": 30}
QUICK = {"agents": 500, "requests": 1_000, "looks": 10, "seconds": 5, "pause_ms": 30}


if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "dashboard", "the dashboard", FULL, QUICK, measure, targets, markdown))
