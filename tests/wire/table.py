"""The table of scenarios: read, filled with what only a run knows, and gone through with one driver. README.md says how it is
written."""

import copy
import json
import pathlib
import re
import time
import uuid

from drivers import NAMES
from expect import Differs, hold, shown

TABLE = pathlib.Path(__file__).resolve().parent / "scenarios.json"
REGION = "us-east-1"


def read(wanted=None):
    """The scenarios, or those of the ids in `wanted`."""
    table = json.loads(TABLE.read_text())
    ids = [scenario["id"] for scenario in table]
    if len(set(ids)) != len(ids):
        raise ValueError("an id stands twice in the table")
    unknown = set(wanted or []) - set(ids)
    if unknown:
        raise ValueError(f"no such scenario: {', '.join(sorted(unknown))}")
    return [scenario for scenario in table if not wanted or scenario["id"] in wanted]


def agents(table):
    """The names of all who ask."""
    named = {scenario["as"] for scenario in table}
    named |= {step["as"] for scenario in table for step in scenario["steps"] if "as" in step}
    return sorted(named)


class Going:
    """One scenario, gone through with one driver against one control plane."""

    def __init__(self, scenario, driver, plane):
        self.scenario, self.driver, self.plane = scenario, driver, plane
        self.texts = {
            "agent": scenario["as"],
            "own": f"/contentcraft/{scenario['as'].lower()}/{scenario['id']}",
            "queue": f"devops-completed-{scenario['as']}",
            "mrr": plane.mrr,
            "account": plane.account,
        }

    def text(self, name):
        if name.startswith("t:") or re.fullmatch(r"rid\d+", name):
            named = f"{self.scenario['id']}/{self.driver.name}/{name}"
            return self.texts.setdefault(name, str(uuid.uuid5(uuid.NAMESPACE_URL, named)))
        return self.texts[name]

    def filled(self, value):
        """The value with its `<…>` filled. `$json` and `$text` become texts; moments and bytes are the driver's to make."""
        if isinstance(value, str):
            return re.sub(r"<([a-z]+\d*|t:\d+)>", lambda found: self.known(found.group(1), found.group()), value)
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"$json"}:
            return json.dumps(self.filled(value["$json"]))
        if set(value) == {"$text"}:
            return "x" * value["$text"]
        if set(value) == {"$time"}:
            return {"$time": time.time() + value["$time"]}
        return {self.filled(name): self.filled(one) for name, one in value.items()}

    def known(self, name, written):
        try:
            return self.text(name)
        except KeyError:
            return written

    def run(self):
        """Goes through the steps; raises `Differs` at the first that is not as expected."""
        for number, step in enumerate(self.scenario["steps"], 1):
            how = step.get("how", {})
            if self.driver.name not in how.get("only", NAMES):
                continue
            expected = how.get("by", {}).get(self.driver.name, step["expect"])
            deadline = time.monotonic() + how.get("until", 0)
            while True:
                try:
                    self.step(step, how, expected)
                    break
                except Differs as difference:
                    if time.monotonic() >= deadline:
                        raise Differs(f"step {number}, {step['call']}: {difference}") from None
                    time.sleep(0.05)  # between two looks

    def step(self, step, how, expected):
        service, operation = step["call"].split(":")
        asker = step.get("as", self.scenario["as"])
        arguments = self.filled(step.get("with", {}))
        began = time.monotonic()
        if service == "v1":
            answer = self.plane.look(operation, arguments)
        else:
            answer = self.driver.ask({
                "service": service,
                "operation": operation,
                "with": arguments,
                "endpoint": self.plane.url + ("/" if how.get("root") else "/aws"),
                "region": REGION,
                "key": self.plane.key(asker, how),
                "how": {name: how[name] for name in ("clock", "tamper", "unsigned", "protocol") if name in how},
            })
        answer["seconds"] = time.monotonic() - began
        self.held(expected if isinstance(expected, list) else [expected], answer)

    def held(self, choices, answer):
        said = []
        for choice in choices:
            texts = copy.copy(self.texts)
            try:
                self.one(self.filled(choice), answer)
                return
            except Differs as difference:
                self.texts = texts
                said.append(str(difference))
        raise Differs("; nor: ".join(said))

    def one(self, expected, answer):
        if "error" in expected:
            error = answer.get("error")
            if error is None:
                raise Differs(f"it was answered: {shown(answer.get('ok'))}")
            codes = as_list(expected["error"])
            if "*" not in codes and error["code"] not in codes:
                raise Differs(f"the error is {error['code']} ({error['message']}), not {' or '.join(codes)}")
            if "message" in expected and not re.search(expected["message"], error["message"] or ""):
                raise Differs(f"the message is {error['message']!r}, which {expected['message']!r} does not match")
            if expected.get("once") and answer.get("tries", 1) != 1:
                raise Differs(f"it was tried {answer['tries']} times")
        else:
            if "error" in answer:
                raise Differs(f"{answer['error']['code']}: {answer['error']['message']}")
            hold(expected["ok"], answer["ok"], self.texts)
        if "status" in expected and answer.get("status") is not None:
            if answer["status"] not in as_list(expected["status"]):
                raise Differs(f"the status is {answer['status']}, not {expected['status']}")
        for name, pattern in expected.get("headers", {}).items():
            value = answer.get("headers", {}).get(name) if self.driver.name.startswith("boto3") else None
            if self.driver.name.startswith("boto3") and (value is None or not re.search(pattern, value)):
                raise Differs(f"the header {name} is {value!r}, which {pattern!r} does not match")
        bounds = expected.get("seconds")
        if bounds and not bounds[0] <= answer["seconds"] <= bounds[1]:
            raise Differs(f"it took {answer['seconds']:.2f} s, not {bounds[0]} to {bounds[1]}")


def as_list(value):
    return value if isinstance(value, list) else [value]
