"""A control plane for one driver: fresh, with its agents, their keys and a day's revenue, and how it looks from its other side."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "bench"))
from control_plane import ControlPlane, Failed, own_environment  # noqa: E402

CONFIGURATION = """
[revenue]
rates = "fixed"
fixed_rates = { eur = "1.25" }

[stacks.cc-agent-shown]
command = ["true"]
"""
NOBODY = {"id": "AKIAAAAAAAAAAAAAAAAA", "secret": "n" * 40}


class Plane(ControlPlane):
    """`cc-devops serve` with the agents that a table names."""

    def __init__(self, binary, folder):
        super().__init__(binary, folder, CONFIGURATION)
        self.keys, self.mrr, self.account = {}, "0", "000000000000"

    def add(self, name, *options):
        """An agent with a token and an access key."""
        added = self.cli("agents", "add", name, "--aws-key", *options)
        self.keys[name] = {
            "id": added["awsAccessKeyId"],
            "secret": added["awsSecretAccessKey"],
            "bearer": added["token"],
        }
        return self.keys[name]

    def populate(self, names):
        """Adds who asks in a table: `Operator` is an admin, `Gone` was revoked, `nobody` does not exist."""
        for name in names:
            if name != "nobody":
                self.add(name, *(["--role", "admin"] if name == "Operator" else []))
            if name == "Gone":
                self.cli("agents", "revoke", name)

    def report_revenue(self, fake_stripe):
        """One day's MRR, of an account that stands for Stripe."""
        command = [fake_stripe, "--subscriptions", "25", "--latency-ms", "0", "--rate", "1000"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            account = json.loads(process.stdout.readline())
            environment = own_environment(STRIPE_API_KEY=account["key"], CC_DEVOPS__STRIPE__API_URL=account["url"])
            done = subprocess.run(
                self.command("--json", "revenue", "report"), cwd=self.folder, env=environment, capture_output=True, check=False
            )
            # It ends with its input, and has a last word then.
            process.communicate()
        if done.returncode != 0:
            raise Failed(f"revenue report ended with {done.returncode}: {done.stderr.decode()}")
        self.mrr = str(json.loads(done.stdout, parse_float=str)["mrrUSD"])

    def key(self, name, how):
        """The key that somebody signs with, as a step wants it."""
        key = dict(NOBODY if name == "nobody" else self.keys[name])
        if how.get("wrong_secret"):
            key["secret"] = "w" * 40
        if how.get("token"):
            key["token"] = how["token"]
        return {part: key[part] for part in ("id", "secret", "token") if part in key}

    def look(self, what, arguments):
        """What the API tells an operator, in the form of a driver's answer."""
        if what == "audit":
            return {"ok": self.cli("audit", "list", *arguments.get("words", []))}
        if what == "metrics":
            status, text = self.ask("GET", "/metrics", token=self.admin_token())
            return {"ok": text.lower().replace("_", ""), "status": status}
        path = {
            "agent": lambda: "/v1/agents",
            "request": lambda: f"/v1/requests/{arguments['id']}",
        }[what]()
        status, text = self.ask("GET", path, token=self.admin_token())
        answer = json.loads(text)
        if status >= 400:
            return {"error": {"code": str(answer.get("error")), "message": text}, "status": status}
        if what == "agent":
            found = [agent for agent in answer["agents"] if agent["name"] == arguments["name"]]
            return {"ok": found[0] if found else None, "status": status}
        return {"ok": answer, "status": status}


@contextlib.contextmanager
def started(binary, names=(), fake_stripe=None):
    """A control plane with those agents, for as long as it is needed. No access key's secret may stand in its log."""
    with tempfile.TemporaryDirectory(prefix="cc-devops-wire-") as folder, Plane(binary, folder) as plane:
        plane.populate(names)
        if fake_stripe:
            plane.report_revenue(fake_stripe)
        try:
            yield plane
        except BaseException:
            print(f"the end of the server's log:\n{plane.log_end()}", file=sys.stderr)
            raise
        log = plane.log.read_text(errors="replace")
        shown = [name for name, key in plane.keys.items() if key["secret"] in log or key["bearer"] in log]
        if shown:
            raise Failed(f"the server's log shows what only {', '.join(shown)} may know")
        if "panicked" in log:
            raise Failed(f"the server panicked: {plane.log_end()}")
