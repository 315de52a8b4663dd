"""Turns what was measured into text: a table for the terminal, docs/BENCHMARKS.md, docs/benchmarks.svg."""

import datetime
import html
import os
import pathlib
import platform
import subprocess
from dataclasses import dataclass

# From this share of the processors on, other work on the machine is worth a warning.
BUSY = 0.15


@dataclass
class Target:
    """A number and what it should be."""

    name: str
    value: float
    target: float
    unit: str
    digits: int
    at_least: bool

    @property
    def ratio(self):
        """How many times as good as asked for; 1 is just met."""
        return self.value / self.target if self.at_least else self.target / self.value

    @property
    def met(self):
        return self.ratio >= 1

    def shown(self, number):
        return f"{number:,.{self.digits}f}{self.unit}"

    @property
    def wanted(self):
        return f"{'at least' if self.at_least else 'under'} {self.shown(self.target)}"


def percentile(values, share):
    """The value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def count_in_words(count):
    """1,000,000 as `1,000,000`."""
    return f"{count:,}"


def targets(found):
    """Every number that has a target, the ratios first."""
    fresh, seeded = found["fresh"], found["seeded"]
    count = count_in_words(found["plan"]["seeded"])
    return [
        Target(f"putSecret with {count} finished requests, of the fresh rate", seeded["rate"] / fresh["rate"], 0.8, "", 2, True),
        Target("putSecret, fresh ledger", fresh["rate"], 5_000, "/s", 0, True),
        Target("putSecret, fresh ledger, p99", fresh["p99_ms"], 60, " ms", 1, False),
        Target("heartbeats", found["heartbeats"]["rate"], 20_000, "/s", 0, True),
        Target("pings", found["pings"]["rate"], 20_000, "/s", 0, True),
        Target("pings, of the heartbeats' rate", found["pings"]["rate"] / found["heartbeats"]["rate"], 0.8, "", 2, True),
        Target(f"lookup by id among {count}, p99", found["lookup_p99"] * 1e3, 1, " ms", 2, False),
        Target("start to ready, median", found["start"] * 1e3, 100, " ms", 0, False),
        Target("idle memory", found["idle_memory"] / 1e6, 30, " MB", 1, False),
        Target("binary", found["binary_size"] / 1e6, 25, " MB", 1, False),
    ]


def verdict(target):
    return "met" if target.met else "missed"


def as_text(lines):
    """The table for the terminal."""
    width = max(len(line.name) for line in lines)
    return "\n".join(
        f"{line.name:<{width}}  {line.shown(line.value):>12}  {line.wanted:>18}  {line.ratio:6.2f} x  {verdict(line)}"
        for line in lines
    )


def machine(folder):
    """What it was measured on."""
    def said(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return "unknown"

    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processors": f"{os.cpu_count()} x {model}",
        "memory": f"{memory / 2**30:.0f} GiB",
        "file system": said("stat", "-f", "-c", "%T", str(folder)),
        "kernel": f"{platform.system()} {platform.release()}",
        "compiler": said("rustc", "--version"),
    }


def today():
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"


def target_table(lines):
    """Every number against its target, as Markdown, and which fell short."""
    rows = "\n".join(
        f"| {line.name} | {line.ratio:.2f} x | {line.shown(line.value)} | {line.wanted} | {verdict(line)} |" for line in lines
    )
    missed = [line for line in lines if not line.met]
    if missed:
        short = "These fell short:\n\n" + "\n".join(
            f"- {line.name}: {line.shown(line.value)}, {line.wanted} was wanted." for line in missed
        )
    else:
        short = "Nothing fell short of its target."
    return f"| what | ratio | measured | target | |\n| --- | ---: | ---: | ---: | --- |\n{rows}\n\n{short}"


def machine_table(about):
    rows = "\n".join(f"| {name} | {value} |" for name, value in about.items())
    return f"| machine | |\n| --- | --- |\n{rows}"


def bars(rows, unit):
    """Names and numbers that are compared, as a picture in text."""
    most, names, width = max(value for _, value in rows), max(len(name) for name, _ in rows), 48
    lines = (f"{name:{names}}  {'█' * max(1, round(value / most * width)):{width}}  {value:,.0f}{unit}" for name, value in rows)
    return "\n".join(["```text", *lines, "```"])


DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "BENCHMARKS.md"
HEAD = """# Benchmarks

Each part is written by the command it names; do not edit. The ratio says how many times as good as the target a number is;
1 is just met.
"""
# Those that no command writes, `builds`, `revenue-since` and `fleet-since`, are kept as they stand.
SECTIONS = ("embedded", "builds", "compare", "soak", "revenue", "revenue-since", "repos", "fleet", "fleet-since", "deploys", "dashboard", "wire", "strangers", "aws")


def write_section(name, text):
    """Replaces one part of docs/BENCHMARKS.md and leaves the others as they are."""
    if name not in SECTIONS:
        raise ValueError(f"docs/BENCHMARKS.md has no part {name}: it would be written nowhere")
    DOCUMENT.parent.mkdir(exist_ok=True)
    standing = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    parts = {}
    for section in SECTIONS:
        begin, end = f"<!-- {section} -->\n", f"<!-- /{section} -->\n"
        before, _, rest = standing.partition(begin)
        parts[section] = rest.partition(end)[0] if rest else ""
    parts[name] = text.rstrip() + "\n"
    bodies = [f"<!-- {section} -->\n{parts[section]}<!-- /{section} -->\n" for section in SECTIONS if parts[section]]
    DOCUMENT.write_text("\n".join([HEAD, *bodies]))


def markdown(lines, found, about):
    """The part on the embedded default."""
    fresh, seeded, beats, plan = found["fresh"], found["seeded"], found["heartbeats"], found["plan"]
    pings = found["pings"]
    fsync = (found["fsync_rate"] + found["fsync_rate_after"]) / 2
    count = count_in_words(plan["seeded"])
    busy = ""
    if found["others"] > BUSY:
        busy = (
            f"\n**Other work took up to {found['others']:.0%} of the processors during a load**, so the machine can do better"
            " than these numbers say; measure again on a quiet one.\n"
        )
    rates = lambda result: ", ".join(f"{rate:,.0f}" for rate in result["rates"])  # noqa: E731
    p99s = lambda result: ", ".join(f"{p99:.1f}" for p99 in result["p99s"])  # noqa: E731
    return f"""## The embedded default

Written by `make bench` on {today()}.

![Each number against its target](benchmarks.svg)

{target_table(lines)}
{busy}
### Against the disk

The disk makes {fsync:,.0f} appends of 4 KiB durable a second, one after the other ({found['fsync_rate']:,.0f} before the run,
{found['fsync_rate_after']:,.0f} after it). Every acknowledged request is durable, and so is its outcome; requests that come
together share a commit.

| | a second | of the disk's rate |
| --- | ---: | ---: |
| putSecret acknowledged, fresh ledger | {fresh['rate']:,.0f} | {fresh['rate'] / fsync:.2f} x |
| putSecret completed and published, fresh ledger | {fresh['completed_rate']:,.0f} | {fresh['completed_rate'] / fsync:.2f} x |
| putSecret acknowledged, {count} finished requests | {seeded['rate']:,.0f} | {seeded['rate'] / fsync:.2f} x |
| putSecret completed and published, {count} finished requests | {seeded['completed_rate']:,.0f} | {seeded['completed_rate'] / fsync:.2f} x |
| heartbeats | {beats['rate']:,.0f} | {beats['rate'] / fsync:.2f} x |
| pings | {pings['rate']:,.0f} | {pings['rate'] / fsync:.2f} x |

### More of the same

| | fresh ledger | {count} finished requests |
| --- | ---: | ---: |
| putSecret a second, each round | {rates(fresh)} | {rates(seeded)} |
| p50 | {fresh['p50_ms']:.1f} ms | {seeded['p50_ms']:.1f} ms |
| p99, each round | {p99s(fresh)} ms | {p99s(seeded)} ms |
| slowest | {fresh['max_ms']:.1f} ms | {seeded['max_ms']:.1f} ms |
| from the load's end to the last outcome published | {fresh['drain_seconds']:.2f} s | {seeded['drain_seconds']:.2f} s |
| the server's processor time for each | {fresh['processor_us']:.0f} µs | {seeded['processor_us']:.0f} µs |
| memory after the load | {fresh['memory_after'] / 1e6:.0f} MB | {seeded['memory_after'] / 1e6:.0f} MB |

Heartbeats: p50 {beats['p50_ms']:.1f} ms, p99 {beats['p99_ms']:.1f} ms, {beats['processor_us']:.0f} µs of the server's processor time each.
Pings: p50 {pings['p50_ms']:.1f} ms, p99 {pings['p99_ms']:.1f} ms, {pings['processor_us']:.0f} µs each. Lookups: p50 {found['lookup_p50'] * 1e3:.2f} ms,
p99 {found['lookup_p99'] * 1e3:.2f} ms. Start: {found['start'] * 1e3:.0f} ms at the median, {found['start_max'] * 1e3:.0f} ms at the
slowest; the very first, which makes the database and the keys, {found['first_start'] * 1e3:.0f} ms.

### How it was measured

- The processors together did {min(found['speeds']):,.0f} to {max(found['speeds']):,.0f} MB of SHA-256 a second before the rounds, one alone
  {found['speed_of_one']:,.0f} MB: where two do hardly more than one, they are two threads of one core, and where the
  numbers lie apart, others share the hardware.
- `make bench`, a release build with its default configuration, plain HTTP on loopback. The load (wrk) and the server
  share the machine's processors. Other work, the kernel's own included, took
  {found['others']:.0%} of the processors at most.
- putSecret: {plan['rounds']} rounds of {plan['load_seconds']} s from 64 connections on a fresh ledger and on a full one in turns; the
  table shows medians. Every request has an id of its own, random at its beginning, and writes one of 10,000 secrets that
  are new in each round. A round counts only if every answer was 202, and if every acknowledged request stands in the database with the status
  `success` afterwards. "Completed" counts from the load's start until nothing is left to do or to publish.
- The full ledger is filled by `bench/seed.py` with copies of a real finished request: its row, audit row, event and
  secret version ({found['database_size'] / 1e6:,.0f} MB).
- Heartbeats: {plan['load_seconds']} s from 64 connections, 64 agents in turn; every answer was 204. Pings: the same by GET to their
  addresses; every answer was 200.
- Lookups: {plan['lookups']:,} `GET /v1/requests/{{requestId}}` one after the other on one connection, random ids of seeded requests; the
  time includes the client's own.
- Start: from spawning the process until `/health` answers 200, {plan['starts']} times on an existing database. Idle memory: the
  largest resident size in the first {plan['idle_seconds']} s after that.

{machine_table(about)}
"""


def svg(lines):
    """A bar for each number, as long as its ratio to the target."""
    most, bar_left, scale, row = 4.0, 440, 100, 34
    width, height = bar_left + int(most * scale) + 150, 70 + row * len(lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img">',
        "<title>Each number against its target</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{bar_left + scale}" y="24" text-anchor="middle" fill="#444444">target</text>',
    ]
    for number, line in enumerate(lines):
        top = 40 + number * row
        length = max(2, min(line.ratio, most) * scale)
        color = "#2f7d4f" if line.met else "#b3402a"
        more = "" if line.ratio <= most else " …"
        label = f"{line.shown(line.value)}  ({line.ratio:.2f} x){more}"
        parts += [
            f'<text x="{bar_left - 10}" y="{top + 16}" text-anchor="end" fill="#222222">{html.escape(line.name)}</text>',
            f'<rect x="{bar_left}" y="{top}" width="{length:.1f}" height="22" rx="2" fill="{color}"/>',
            f'<text x="{bar_left + length + 8:.1f}" y="{top + 16}" fill="#222222">{html.escape(label)}</text>',
        ]
    mark = bar_left + scale
    parts += [
        f'<line x1="{mark}" y1="32" x2="{mark}" y2="{height - 24}" stroke="#222222" stroke-dasharray="4 3"/>',
        f'<text x="{bar_left}" y="{height - 8}" fill="#666666">bars longer than the target are better; cut at {most:.0f} x</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
