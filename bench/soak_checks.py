"""What must hold after a soak. Each check reads what the control plane says by another of its doors and
holds it against what the parties saw; what does not agree goes into the tally as a violation."""

import collections
import http.client
import json
import statistics
import subprocess
import threading
import time

from control_plane import Failed, own_environment

PAGE = 200
ASKERS = 4
# The flatness rules, see `flat`: how much more the last quarter may have than the second.
MORE, FILES_MORE, MEMORY_MORE = 1.25, 16, 8e6
# What a log may hold beside information: a receiver that does not answer is not the server's fault, and
# what people are told (a line with a field `alert`) is no fault of its own.
EXPECTED = ("given up", "webhook", "receiver", "endpoint")


class Line:
    """One connection for many questions, which must all be answered with 200."""

    def __init__(self, plane, token):
        self.connection = http.client.HTTPConnection(plane.host, plane.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path, missing=None):
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status == 404 and missing is not None:
            return missing
        if answer.status != 200:
            raise Failed(f"GET {path} answers {answer.status}: {body[:300]!r}")
        return json.loads(body)


def outcomes(stage, token):
    """Every request sent, as the control plane shows it: the outcome by id, of those it knows."""
    tally, found = stage.tally, {}
    todo = list(tally.sent.values())
    shares = [todo[n::ASKERS] for n in range(ASKERS)]
    failures = []

    def ask(share):
        try:
            line = Line(stage.plane, token)
            for sent in share:
                request = line.get(f"/v1/requests/{sent.id}", missing={})
                if not request:
                    if sent.acknowledged_at:
                        tally.wrong("an acknowledged request is lost", sent.id)
                elif request["completed"] is None:
                    tally.wrong("a request has no outcome", f"{sent.id} is {request['state']}")
                else:
                    found[sent.id] = request["completed"]
        except Exception as error:
            failures.append(error)

    askers = [threading.Thread(target=ask, args=[share]) for share in shares]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    if failures:
        raise failures[0]
    for sent in todo:
        outcome = found.get(sent.id)
        if outcome is None:
            continue
        if sent.outcome is not None and sent.outcome != outcome:
            tally.wrong("the answer said something else than the record", f"{sent.id}: {sent.outcome} and {outcome}")
        if outcome["status"] == "success":
            tally.count(f"outcomes: {sent.action}, success")
            continue
        tally.count(f"outcomes: {sent.action}, {outcome['reason']}")
        # The fate of a command that ran while the server was killed may be unknown, and is never guessed.
        killed = any(sent.sent_at - 1 <= kill <= sent.acknowledged_at + 60 for kill in stage.kills)
        if sent.action != "deployLambda" or outcome["reason"] != "deploy_failed" or not killed:
            tally.wrong("a request did not succeed", f"{sent.id}: {outcome['reason']}, {outcome['error']}")
    return found


def events(stage, token, outcomes):
    """Every event by cursor: each outcome at least once, and never another. Gives the cursors by agent."""
    line, told, cursors, after = Line(stage.plane, token), collections.Counter(), collections.defaultdict(list), 0
    while True:
        page = line.get(f"/v1/events?after={after}&limit={PAGE}")
        if not page["events"]:
            break
        for event in page["events"]:
            detail = event["detail"]
            if event["cursor"] <= after:
                stage.tally.wrong("events go back", f"{event['cursor']} after {after}")
            after = event["cursor"]
            cursors[None].append(after)
            if event["detail-type"] != "devops.completed" or detail["requestId"] not in stage.tally.sent:
                continue
            cursors[stage.tally.sent[detail["requestId"]].agent].append(after)
            told[detail["requestId"]] += 1
            if detail != outcomes.get(detail["requestId"]):
                stage.tally.wrong("an event tells another outcome", f"{detail}, {outcomes.get(detail['requestId'])}")
    for request in outcomes:
        if not told[request]:
            stage.tally.wrong("an outcome has no event", request)
    stage.tally.counts["events"] = sum(told.values())
    stage.tally.counts["events told again"] = sum(told.values()) - len(told)
    return cursors


def streams(stage, readers, cursors):
    """Each stream saw every event of its agent, in order, up to the last."""
    for reader in readers:
        seen, there = set(reader.cursors), cursors[reader.agent]
        missed = [cursor for cursor in there if cursor not in seen]
        if missed:
            text = f"{reader.name} missed {len(missed)} of {len(there)}, the first is {missed[0]}"
            stage.tally.wrong("a stream missed events", text)
        if len(seen) != len(reader.cursors):
            stage.tally.wrong("a stream showed a place twice", reader.name)
        stage.tally.count("events seen in streams", len(reader.cursors))


def webhooks(stage, receiver, outcomes):
    """The healthy receiver was told of every outcome."""
    missed = [request for request in outcomes if not receiver.requests[request]]
    if missed:
        text = f"{len(missed)} of {len(outcomes)}, the first is {missed[0]}"
        stage.tally.wrong("the healthy receiver was not told of outcomes", text)
    doubled = [request for request, times in receiver.requests.items() if times > 1]
    if doubled:
        stage.tally.wrong("one outcome came under two webhook ids", f"{len(doubled)}, the first is {doubled[0]}")
    stage.tally.counts["webhook deliveries"] = sum(receiver.deliveries.values())
    stage.tally.counts["webhooks delivered again"] = sum(receiver.deliveries.values()) - len(receiver.deliveries)


def secrets(stage, outcomes):
    """Each secret has as many versions as requests wrote it."""
    wanted = collections.Counter()
    for sent in stage.tally.sent.values():
        if sent.action == "putSecret" and outcomes.get(sent.id, {}).get("status") == "success":
            wanted[sent.params["name"]] += 1
    listed = stage.plane.cli("secrets", "list")["secrets"]
    found = {secret["name"]: secret["versions"] for secret in listed if "/seeded-" not in secret["name"]}
    for name, versions in wanted.items():
        if found.get(name) != versions:
            stage.tally.wrong("a secret's versions", f"{name} has {found.get(name)}, {versions} requests wrote it")


def deploys(stage, log, outcomes):
    """Each deploy ran once: at most once in any case, exactly once where it succeeded."""
    ran = collections.Counter(log.read_text().split()) if log.exists() else collections.Counter()
    for request, times in ran.items():
        if times > 1:
            stage.tally.wrong("a deploy ran more than once", f"{request}: {times} times")
    for sent in stage.tally.sent.values():
        if sent.action == "deployLambda" and outcomes.get(sent.id, {}).get("status") == "success" and not ran[sent.id]:
            stage.tally.wrong("a deploy succeeded and did not run", sent.id)


def audit(stage, outcomes):
    """The chain holds, and each outcome stands in it once."""
    plane = stage.plane
    verified = subprocess.run(
        plane.command("audit", "verify"), cwd=plane.folder, env=own_environment(), capture_output=True, text=True, check=False
    )
    if verified.returncode != 0:
        stage.tally.wrong("the audit trail does not verify", verified.stdout[:400] + verified.stderr[:400])
    rows = collections.Counter()
    command = plane.command("audit", "export")
    with subprocess.Popen(command, cwd=plane.folder, env=own_environment(), stdout=subprocess.PIPE, text=True) as export:
        for text in export.stdout:
            row = json.loads(text)
            # The row of a freed stack names the request that held it.
            if row.get("requestId") in outcomes and row["action"] != "stack.released":
                rows[row["requestId"]] += 1
                if row["status"] != outcomes[row["requestId"]]["status"]:
                    stage.tally.wrong("the audit trail tells another outcome", row["requestId"])
    if export.returncode != 0:
        raise Failed(f"audit export ended with {export.returncode}")
    for request in outcomes:
        if rows[request] != 1:
            stage.tally.wrong("audit rows of a request", f"{request} has {rows[request]}")


def log(stage):
    """The log has no error and no warning of an unexpected kind. Gives how often each kind stands there."""
    kinds = collections.Counter()
    for text in stage.plane.log.read_text(errors="replace").splitlines():
        try:
            line = json.loads(text)
            level, message = line["level"], line["message"]
        except (ValueError, KeyError):
            # A killed process may leave half a line; a panic writes lines of its own.
            if "panicked" in text:
                stage.tally.wrong("a panic in the log", text[:300])
            continue
        if level not in ("ERROR", "WARN"):
            continue
        kinds[level, message] += 1
        expected = "alert" in line or any(word in message for word in EXPECTED)
        if not expected and kinds[level, message] == 1:
            stage.tally.wrong("an unexpected line in the log", text[:400])
    return kinds


def concluded(stage, token, deadline=10):
    """Waits until no request is open; gives when that was, or none after `deadline` seconds."""
    plane, started = stage.plane, time.perf_counter()
    last = stage.tally.acknowledged()[-100:]
    while time.perf_counter() - started < deadline:
        samples = plane.metrics()
        if not sum(value for name, value in samples.items() if name.startswith("cc_devops_requests_open")):
            line = Line(plane, token)
            if all(line.get(f"/v1/requests/{sent.id}")["completed"] is not None for sent in last):
                return time.perf_counter()
        time.sleep(0.01)  # between two looks, so that looking is no load
    return None


def settled(stage, receiver, within=60):
    """Waits until everything is concluded and published, and the healthy receiver hears nothing new."""
    started = time.monotonic()
    while stage.plane.backlog() > 0:
        if time.monotonic() - started > within:
            stage.tally.wrong("work is left over", f"{stage.plane.backlog():.0f} requests and events {within} s after the load")
            break
        time.sleep(0.2)
    acknowledged = len(stage.tally.acknowledged())
    while len(receiver.requests) < acknowledged and time.monotonic() - max(receiver.newest_at, started) < 10:
        time.sleep(0.2)


def quarters(samples, key):
    """The median of each quarter of the samples."""
    size = max(1, len(samples) // 4)
    return [statistics.median(key(sample) for sample in samples[n * size:(n + 1) * size]) for n in range(4)]


def flat(stage, samples):
    """Holds the last quarter's medians against the second's (the first one warms up): memory, open files,
    and what the data folder grows by for each request. Gives the medians."""
    if len(samples) < 16:
        raise Failed(f"{len(samples)} samples are too few to tell whether anything grows")
    grown = [
        {"growth": (then["folder"] - now["folder"]) / (then["requests"] - now["requests"])}
        for now, then in zip(samples, samples[10:]) if then["requests"] > now["requests"]
    ]
    found = {
        "memory": quarters(samples, lambda sample: sample["memory"]),
        "files": quarters(samples, lambda sample: sample["files"]),
        "growth": quarters(grown, lambda sample: sample["growth"]),
    }
    for what, more in (("memory", MEMORY_MORE), ("files", FILES_MORE), ("growth", 256)):
        second, last = found[what][1], found[what][3]
        if last > second * MORE + more:
            stage.tally.wrong("not flat", f"{what}: the medians of the quarters are {[round(m) for m in found[what]]}")
    return found
