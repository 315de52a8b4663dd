"""Measures the watch over the fleet and the alerts: a sweep with nothing due, agents that all go down at one instant, and
the memory of a server that watches many.

    fleet.py BINARY EXAMPLE [--quick]

BINARY is cc-devops, EXAMPLE the built example `fleet_speed`. Both are of the release profile. Writes its part of
docs/BENCHMARKS.md. Pings are measured by run.py.

Exit codes: 0, measured, whether or not the targets were met; 1, an agent or a message was lost.
"""

import sys
import time

import part
import report
from control_plane import ControlPlane, Failed
from part import say



def memory_of(binary, data, seconds):
    """The largest resident size of a server on a folder, in bytes."""
    with ControlPlane(binary, data) as plane:
        seen, deadline = [], time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            seen.append(plane.memory())
            time.sleep(0.05)  # between two looks
        listed = sum(value for key, value in plane.metrics().items() if "agents" in key and "state=" in key)
    return max(seen), int(listed)


def measure(binary, example, folder, plan):
    say(f"{plan['agents']:,} agents, {plan['at_once']:,} at one instant …")
    found = part.answered([example, folder, str(plan["agents"]), str(plan["at_once"])]) | {"plan": plan}
    # Each goes late and then down.
    if found["flips"] != 2 * plan["at_once"] or found["messages"] == 0:
        raise Failed(f"{found['flips']:,} flips of {plan['at_once']:,} agents, {found['messages']} messages")
    say(f"  {found['sweep_p50_us']:.0f} µs a sweep, {found['decided_s']:.2f} s; memory of a server …")
    found["memory"], found["listed"] = memory_of(binary, folder / "many", plan["seconds"])
    say(f"  {found['memory'] / 1e6:.0f} MB")
    return found


def targets(found):
    plan = found["plan"]
    return [
        report.Target(f"a sweep of {plan['agents']:,} agents with nothing due, p99", found["sweep_p99_us"] / 1e3, 1, " ms", 3, False),
        report.Target(f"{plan['at_once']:,} agents down at one instant: flipped, and whom to tell decided", found["decided_s"], 5, " s", 2, False),
        report.Target(f"the page of 50 of {plan['at_once']:,} agents, each with its last 30 days, of 200 changes, p50", found["flapping_page_p50_ms"], 30, " ms", 1, False),
        report.Target(f"memory of a server that watches {plan['agents']:,} agents", found["memory"] / 1e6, 60, " MB", 0, False),
    ]


def markdown(lines, found, about):
    plan = found["plan"]
    return f"""## The fleet

Written by `make bench-fleet` on {report.today()}. Pings are measured with the embedded default.

{report.target_table(lines)}

{report.machine_table(about)}

- A sweep with nothing due: {found['sweep_p50_us']:.0f} µs at the median of 2,000, {found['sweep_p99_us']:.0f} µs at the 99th percentile.
- {plan['at_once']:,} agents whose deadlines lie at one instant: {found['flips']:,} flips (late, then down) with their histories and alerts
  took {found['flipping_s']:.2f} s, and {found['decided_s']:.2f} s until {found['messages']} message(s) of one group were decided and written. The ten seconds that a group
  waits for more are not in it: the clock of the measurement is set.
- {plan['at_once']:,} agents are counted by their state in {found['counts_p50_ms']:.2f} ms; a page of 50 with their last 30 days takes {found['page_p50_ms']:.1f} ms,
  and {found['flapping_page_p50_ms']:.1f} ms where each of them has changed its state 250 times, of which 200 are read. Medians of 100.
- Memory is the largest resident size of `cc-devops serve` in its first {plan['seconds']} s over a folder with {plan['agents']:,} watched agents.
- Enrolling {plan['agents']:,} agents took {found['enrolling_s']:.1f} s.
"""


FILES = [("BINARY", "cc-devops, release build"), ("EXAMPLE", "the built example fleet_speed")]
FULL = {"agents": 100_000, "at_once": 10_000, "seconds": 20}
QUICK = {"agents": 2_000, "at_once": 500, "seconds": 3}

if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "fleet", "the fleet", FULL, QUICK, measure, targets, markdown))
