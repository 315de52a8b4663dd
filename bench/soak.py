#!/usr/bin/env python3
"""Keeps a control plane under mixed load, kills it every minute, and checks that nothing was lost or done
twice and that nothing grows.

    python3 bench/soak.py BINARY                      30 minutes, a SIGKILL every 60 s
    python3 bench/soak.py BINARY --minutes 3 --rate 50
    python3 bench/soak.py BINARY --write              also writes the section in docs/BENCHMARKS.md

The load: putSecret with and without `?wait`, requests sent again, deploys of a small local command with long
polls for their outcome, heartbeats, looks at /health, event streams that are cut and resumed, a webhook
receiver that checks every signature beside an endpoint that accepts and never answers. Everything is on
loopback and bounded by rates that two processors can bear. After each restart new requests are held back
until the last acknowledged one is concluded, and the time that takes is measured.

Exit code 0: everything held; 1: something did not, and is told; 2: something is missing that the soak needs.
"""

import argparse
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

import report
import seed
import soak_checks as checks
from control_plane import ControlPlane, Failed
from soak_load import Beater, DeadEnd, Deployer, Onlooker, Receiver, Stage, StreamReader, Waiter, Writer

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
AGENTS = ("Soaker", "Digger")
WRITERS = 8
NAMES = 200
HEARTBEATS = 20
CONCLUDED_WITHIN = 2.0
# Old finished requests that retention has to forget while the load runs, and how old they are.
OLD, OLD_DAYS = 20_000, 500
RETENTION = "[retention]\nrequests_days = 30\nevents_days = 30\ndead_letters_days = 30\noutputs_days = 7\n"
EGRESS = '[egress]\nallow = ["127.0.0.0/8"]\n'


def say(text):
    print(text, flush=True)


def free_port():
    """A port that is free now, to be the server's in all its lives."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def configuration(probe, folder):
    """The configuration: everything this binary has that a soak is about. Gives it and the sections it has."""
    config = '[log]\nformat = "json"\n'
    for agent in AGENTS:
        command = f'["/bin/sh", "-c", "echo $CC_DEVOPS_REQUEST_ID >> {folder}/deploys.log; exec /bin/sleep 0.3"]'
        config += f"[stacks.cc-agent-{agent.lower()}]\ncommand = {command}\n"
    sections = []
    for name, section in (("retention", RETENTION), ("egress", EGRESS)):
        if probe.takes(section):
            config += section
            sections.append(name)
    return config, sections


class Sampler(threading.Thread):
    """Looks at the server once a second."""

    def __init__(self, stage):
        super().__init__(name="sampler", daemon=True)
        self.stage, self.samples = stage, []

    def run(self):
        while not self.stage.over.wait(1):
            plane = self.stage.plane
            # While it is killed and started there is nothing to see.
            try:
                if not self.stage.gate.is_set():
                    continue
                files = {name: os.stat(plane.data / name).st_size for name in os.listdir(plane.data)}
                self.samples.append({
                    "memory": plane.memory(), "files": plane.open_files(), "requests": len(self.stage.tally.sent),
                    # The write-ahead log is a buffer that comes and goes; the rest is what is kept.
                    "folder": sum(size for name, size in files.items() if not name.endswith("-wal")),
                    "wal": sum(size for name, size in files.items() if name.endswith("-wal")),
                })
            except (OSError, AttributeError, Failed):
                continue


def kill_and_restart(stage, token):
    """SIGKILL under load, and how long it takes until all is as if nothing had been."""
    stage.kills.append(time.time())
    stage.plane.kill()
    stage.gate.clear()
    ready = stage.plane.start()
    since = time.perf_counter()
    done = checks.concluded(stage, token)
    look_at_stacks(stage)
    stage.gate.set()
    stage.tally.took("SIGKILL to ready", ready)
    if done is None:
        stage.tally.wrong("requests are still open after a restart", "10 s after the server was ready")
        say(f"  kill {len(stage.kills)}: ready after {ready:.2f} s, and requests still open 10 s later")
        return
    took = done - since
    stage.tally.took("ready to all concluded", took)
    say(f"  kill {len(stage.kills)}: ready after {ready:.2f} s, the last acknowledged request concluded {took:.2f} s later")
    if took > CONCLUDED_WITHIN:
        stage.tally.wrong("concluded late after a restart", f"{took:.2f} s after the server was ready")


def look_at_stacks(stage):
    """An operator's part: a stack whose deploy was killed with the server is freed once somebody has looked."""
    for agent in AGENTS:
        stack = f"cc-agent-{agent.lower()}-dev"
        try:
            held = stage.plane.cli("stacks", "show", stack)
            if held["heldBy"]:
                stage.plane.cli("stacks", "release", stack)
                stage.tally.count("stacks freed by the operator")
        except Failed as failure:
            stage.tally.wrong("a stack could not be looked at or freed", str(failure))


def remember_old(plane, token):
    """Puts finished requests of long ago into the stopped server's database, for retention to forget."""
    plane.start()
    plane.put_secret(AGENTS[0], token, "soak-to-be-copied", f"/contentcraft/{AGENTS[0].lower()}/copied", "not-a-real-value")
    deadline = time.monotonic() + 30
    while plane.backlog() > 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    plane.stop()
    seed.seed(plane.data, OLD, days_ago=OLD_DAYS, audit=False)
    seed.make_due(plane.data, "retention")


def soak(plan, plane, sections, seed_text):
    """The whole soak; gives the stage with its tally, the samples' medians and what the log holds."""
    stage = Stage(plane, seed_text)
    plane.start()
    agents = {name: plane.add_agent(name) for name in (*AGENTS, *(f"Beat{n}x" for n in range(8)))}
    if "retention" in sections:
        plane.stop()
        remember_old(plane, agents[AGENTS[0]])
        plane.start()
    admin = plane.admin_token()
    receiver, dead_end = Receiver(stage.tally), DeadEnd(stage)
    dead_end.start()
    for port in (dead_end.port, receiver.server_port):
        status, text = plane.ask("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{port}/soak"}, admin)
        if status != 201:
            raise Failed(f"adding a webhook answers {status}: {text}")
    receiver.expect(checks.json.loads(text)["secret"])

    waiters = {name: [Waiter(stage, f"{name}-{n}", agents[name]) for n in range(2)] for name in AGENTS}
    readers = [StreamReader(stage, n, agent, agents.get(agent, admin)) for n, agent in enumerate([*AGENTS, AGENTS[0], None])]
    parties = [Beater(stage, agents, HEARTBEATS), Onlooker(stage), Sampler(stage), *readers]
    for number in range(WRITERS):
        agent = AGENTS[number % len(AGENTS)]
        parties.append(Writer(stage, number, agent, agents[agent], plan.rate / WRITERS, NAMES))
    for name in AGENTS:
        parties += [*waiters[name], Deployer(stage, name, agents[name], 2, f"cc-agent-{name.lower()}", waiters[name])]
    for party in parties:
        party.start()
    sampler = parties[2]
    stage.gate.set()
    try:
        return run(stage, plan, parties, readers, receiver, sampler, admin, sections)
    finally:
        stage.over.set()
        receiver.shutdown()
        receiver.server_close()


def run(stage, plan, parties, readers, receiver, sampler, admin, sections):
    """Kills again and again, lets the load end, and checks."""
    ends = time.monotonic() + plan.minutes * 60
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(plan.kill_every, left))
        if ends - time.monotonic() > 1:
            kill_and_restart(stage, admin)
    stage.gate.clear()
    say("the load has ended; waiting for what is under way …")
    checks.settled(stage, receiver)
    newest = time.monotonic() + 30
    last = checks.Line(stage.plane, admin).get("/v1/requests?limit=1")["requests"]
    while last and time.monotonic() < newest and not caught_up(stage, readers, admin):
        time.sleep(0.2)
    stage.over.set()
    for party in parties:
        party.join(60)

    say("checking …")
    outcomes = checks.outcomes(stage, admin)
    cursors = checks.events(stage, admin, outcomes)
    checks.streams(stage, readers, cursors)
    checks.webhooks(stage, receiver, outcomes)
    medians = checks.flat(stage, sampler.samples)
    if "retention" in sections:
        forgotten(stage)
    started = time.perf_counter()
    try:
        stage.plane.stop()
    except Failed as failure:
        stage.tally.wrong("the server did not stop well", str(failure))
    stage.tally.took("SIGTERM to end", time.perf_counter() - started)
    checks.secrets(stage, outcomes)
    checks.deploys(stage, stage.plane.folder / "deploys.log", outcomes)
    checks.audit(stage, outcomes)
    return stage, medians, max(sample["wal"] for sample in sampler.samples), checks.log(stage)


def caught_up(stage, readers, admin):
    """Whether the reader who sees everything has seen the newest event."""
    after = max((reader.last for reader in readers if reader.agent is None), default=0)
    return not checks.Line(stage.plane, admin).get(f"/v1/events?after={after}&limit=1")["events"]


def forgotten(stage):
    """Retention has forgotten the requests of long ago."""
    left = seed.left(stage.plane.data)
    stage.tally.counts["old requests forgotten"] = OLD - left
    if left:
        stage.tally.wrong("retention", f"{left} of {OLD} requests of {OLD_DAYS} days ago are still there")


def milliseconds(values):
    if not values:
        return "—"
    ordered = sorted(values)
    share = lambda part: ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1e3  # noqa: E731
    return f"{share(0.5):,.1f} / {share(0.99):,.1f} / {ordered[-1] * 1e3:,.1f} ms"


def summary(stage, medians, wal):
    """What was done and seen, as rows of name and text."""
    tally, show = stage.tally, lambda key, unit: ", ".join(f"{median / unit:,.1f}" for median in medians[key])
    rows = [("requests acknowledged", f"{len(tally.acknowledged()):,}"), ("SIGKILLs", f"{len(stage.kills)}")]
    rows += [(what, f"{count:,}") for what, count in sorted(tally.counts.items()) if not what.startswith("wrong")]
    rows += [(f"{what}: p50 / p99 / slowest", milliseconds(times)) for what, times in sorted(tally.times.items())]
    rows += [
        ("resident memory, median of each quarter", f"{show('memory', 1e6)} MB"),
        ("open files, median of each quarter", show("files", 1)),
        ("growth of the data folder for each request, the same", f"{show('growth', 1)} bytes"),
        ("longest write-ahead log", f"{wal / 1e6:,.1f} MB"),
    ]
    return rows


def markdown(plan, rows, machine):
    table = "\n".join(f"| {name} | {text} |" for name, text in rows)
    return f"""## Under load for {plan.minutes:g} minutes, killed every {plan.kill_every:g} seconds

Written by `make soak` on {report.today()}. Nothing acknowledged was lost or done twice, every stream and the healthy webhook
were told everything, the audit chain holds, and nothing grew.

| what | |
| --- | ---: |
{table}

- New requests are held back after each restart until the last acknowledged one is concluded, so that its time is told alone.
- Flat: the median of the last quarter is at most {checks.MORE:g} times that of the second quarter, and a little.
- Beside the healthy webhook there was one that accepts connections and never answers.

{report.machine_table(machine)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", metavar="BINARY", type=pathlib.Path, help="the release build of cc-devops")
    parser.add_argument("--minutes", type=float, default=30, help="how long the load lasts (30)")
    parser.add_argument("--kill-every", type=float, default=60, metavar="SECONDS", help="from one SIGKILL to the next (60)")
    parser.add_argument("--rate", type=float, default=100, help="putSecret requests a second (100)")
    parser.add_argument("--seed", default="", help="repeats the parties' choices of another soak")
    parser.add_argument("--write", action="store_true", help="write the section in docs/BENCHMARKS.md")
    parser.add_argument("--keep", action="store_true", help="keep the data folder under target/")
    plan = parser.parse_args()
    if not plan.binary.is_file():
        print(f"soak: there is no {plan.binary}; build it with `make cli`", file=sys.stderr)
        return 2
    parent = REPOSITORY / "target"
    parent.mkdir(exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-", dir=parent))
    # Ended from outside, it ends its server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    config, sections = configuration(ControlPlane(plan.binary, folder), folder)
    plane = ControlPlane(plan.binary, folder, config, free_port())
    seed_text = plan.seed or f"{time.time_ns():x}"
    say(f"soaking for {plan.minutes:g} minutes, seed {seed_text}; sections of the configuration: {', '.join(sections) or 'none'}")
    try:
        stage, medians, wal, kinds = soak(plan, plane, sections, seed_text)
        machine = report.machine(folder)
    except Failed as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return 1
    finally:
        plane.kill()
        if plan.keep:
            say(f"the data folder is {folder.relative_to(REPOSITORY)}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    rows = summary(stage, medians, wal)
    width = max(len(name) for name, _ in rows)
    say("\n" + "\n".join(f"{name:<{width}}  {text}" for name, text in rows))
    for (level, message), count in kinds.most_common():
        say(f"in the log, {count} x {level}: {message}")
    wrong = {what: count for what, count in stage.tally.counts.items() if what.startswith("wrong: ")}
    if wrong:
        say("\nThis did not hold:")
        for what, count in wrong.items():
            say(f"  {what.removeprefix('wrong: ')} ({count:,})")
        say("\nThe first of each:")
        for text in stage.tally.violations:
            say(f"  {text}")
        return 1
    say("\neverything held")
    if plan.write:
        report.write_section("soak", markdown(plan, rows, machine))
        say("written: docs/BENCHMARKS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
