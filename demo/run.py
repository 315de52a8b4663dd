#!/usr/bin/env python3
"""Starts a control plane on a folder of its own, gives it something to do, and tells what happens.

Usage: demo/run.py PATH-TO-CC-DEVOPS [PATH-TO-DEMO-MONTH]

With the second program, the control plane has a month behind it when it starts.

On a terminal the server then stays up until Ctrl-C, so that you can look around; otherwise it is
stopped at once. Nothing outside the temporary folder is touched.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "cc-devops.toml"


class Demo:
    """The server, and what is done to it."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.data = Path(folder) / "data"
        self.log = Path(folder) / "server.log"
        # The caller's own settings must not reach the demo.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CC_DEVOPS")}
        # Where a stack remembers what was deployed.
        self.environment["DEMO_FOLDER"] = str(folder)
        self.environment["PATH"] = f"{binary.parent}{os.pathsep}{self.environment.get('PATH', '')}"
        self.tokens = {}

    def past(self, month):
        """Has a month go by in the folder."""
        heading("A month goes by, with a clock that runs fast")
        began = time.monotonic()
        done = subprocess.run([month, self.data, CONFIG], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        print(f"  thirty days of nine agents, their requests, MRR and twelve repositories, in {time.monotonic() - began:.0f} s")

    def start(self):
        with open(self.log, "wb") as log:
            self.server = subprocess.Popen(
                [self.binary, "serve", "--data-dir", self.data, "--config", CONFIG, "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                # Ctrl-C is for this script, which then stops the server in good order.
                start_new_session=True,
            )
        line = self.server.stdout.readline().decode()
        found = re.search(r"https?://[0-9.]+:\d+", line)
        if not found:
            self.stop()
            sys.exit(f"the server did not start:\n{line}{self.log.read_text()}")
        self.url = found.group()

    def stop(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
        try:
            self.server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.server.stdout.close()

    def command(self, *arguments, show=True):
        """Runs a cc-devops command; shows it as one would type it, with what it prints."""
        done = subprocess.run(
            [self.binary, *arguments, "--data-dir", self.data],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
            text=True,
        )
        if show:
            print(f"\n$ cc-devops {' '.join(arguments)}")
            print(indent(done.stdout.rstrip()))
        elif done.returncode != 0:
            raise RuntimeError(done.stdout)
        return done

    def agent(self, name):
        listed = json.loads(self.command("agents", "list", "--json", show=False).stdout)
        known = any(agent["name"] == name for agent in listed["agents"])
        added = self.command("agents", "rotate" if known else "add", name, "--json", show=False)
        self.tokens[name] = json.loads(added.stdout)["token"]
        print(f"  {name} has a token")

    def call(self, agent, method, path, body=None):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.tokens[agent]}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def request(self, agent, request_id, action, params, source=None):
        """Sends a request as an agent does and tells how it ended."""
        event = {
            "source": f"agent.{source or agent}",
            "detail-type": "devops.request",
            "detail": {"requestId": request_id, "action": action, "params": params},
        }
        done = self.call(agent, "POST", "/v1/events?wait=20", event)
        what = params.get("name") or params.get("stackName")
        print(f"  {agent}: {action} {what}")
        if done.get("status") == "success":
            print(f"    -> {done['result']['action']}, after {done['latencyMs']} ms")
        else:
            print(f"    -> {done['reason']}: {done['error']}")
        return done

    def ask_for_a_deploy(self, agent, request_id, params):
        """Sends a request that somebody has to approve; gives its plan once that waits."""
        event = {
            "source": f"agent.{agent}",
            "detail-type": "devops.request",
            "detail": {"requestId": request_id, "action": "deployLambda", "params": params},
        }
        self.call(agent, "POST", "/v1/events", event)
        print(f"  {agent}: deployLambda {params['stackName']} in {params['stage']}")
        for _ in range(200):
            listed = self.command("deploys", "list", "--state", "waiting", "--json", show=False)
            for plan in json.loads(listed.stdout)["deploys"]:
                if plan["requestId"] == request_id:
                    print("    -> it waits for somebody's approval")
                    return plan
            time.sleep(0.1)
        raise RuntimeError("no plan waits for approval")

    def heartbeat(self, agent, healthy, message=None):
        body = {"healthy": healthy}
        if message:
            body["message"] = message
        self.call(agent, "POST", f"/v1/agents/{agent}/heartbeat", body)
        print(f"  {agent}: {'all is well' if healthy else message}")


def indent(text):
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}")


def tell(demo):
    heading("Three agents get a token each")
    for name in ("ContentOrchestrator", "BillingReporter", "SupportBot"):
        demo.agent(name)

    heading("Agents write secrets")
    key = "/contentcraft/contentorchestrator/api-key"
    demo.request("ContentOrchestrator", "demo-1", "putSecret", {"name": key, "value": "first"})
    demo.request("ContentOrchestrator", "demo-2", "putSecret", {"name": key, "value": "second"})
    print("  The same requestId again changes nothing and gets the first answer:")
    demo.request("ContentOrchestrator", "demo-2", "putSecret", {"name": key, "value": "second"})
    print("  The same requestId for something else is refused:")
    demo.request("ContentOrchestrator", "demo-2", "putSecret", {"name": key, "value": "third"})

    heading("Somebody reaches for what is not theirs")
    demo.request("SupportBot", "demo-3", "putSecret", {"name": key, "value": "mine now"})
    print("  ... and then pretends to be somebody else:")
    demo.request(
        "SupportBot", "demo-4", "putSecret", {"name": key, "value": "mine now"}, source="ContentOrchestrator"
    )

    heading("Two deploys, of which one fails")
    demo.request(
        "ContentOrchestrator",
        "demo-5",
        "deployLambda",
        {"stackName": "cc-agent-content-orchestrator", "stage": "dev", "parameters": {"VERSION": "1.4.2"}},
    )
    demo.request(
        "BillingReporter", "demo-6", "deployLambda", {"stackName": "cc-agent-billing-reporter", "stage": "dev"}
    )

    heading("A deploy that would lose a table's data")
    stack = {"stackName": "cc-agent-support-bot", "stage": "prod"}
    demo.request("SupportBot", "demo-7", "deployLambda", {**stack, "parameters": {"KEY": "id"}})
    print("  The table is there. Under another key it would be another table, without what is in this one:")
    plan = demo.ask_for_a_deploy("SupportBot", "demo-8", {**stack, "parameters": {"KEY": "customer"}})
    demo.command("deploys", "show", plan["plan"])
    print("\n  Who has looked at it types that last line. Who wants it undone after that:")
    print("    cc-devops deploys rollback cc-agent-support-bot-prod")

    heading("Heartbeats")
    demo.heartbeat("ContentOrchestrator", True)
    demo.heartbeat("BillingReporter", False, "the last deploy failed")
    print("  SupportBot: nothing yet")

    heading("What an operator sees")
    demo.command("agents", "list")
    demo.command("requests", "list")
    demo.command("requests", "show", "demo-6")
    demo.command("audit", "list")
    verified = demo.command("audit", "verify")
    if verified.returncode != 0:
        raise RuntimeError("the audit chain is broken")
    return plan


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} PATH-TO-CC-DEVOPS [PATH-TO-DEMO-MONTH]")
    binary, *month = [Path(argument).resolve() for argument in sys.argv[1:]]
    for program in (binary, *month):
        if not program.is_file():
            sys.exit(f"there is no {program}; `make demo` builds it first")
    # The demo ends with Ctrl-C or, run by another program, with SIGTERM; both clean up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="cc-devops-demo-") as folder:
        demo = Demo(binary, folder)
        if month:
            demo.past(*month)
        demo.start()
        try:
            plan = tell(demo)
            heading("The dashboard")
            demo.command("open", "--no-browser")
            if sys.stdout.isatty():
                print(f"\nThe control plane stays up at {demo.url} until you press Ctrl-C. In another terminal:")
                print(f"  export PATH=\"{binary.parent}:$PATH\" CC_DEVOPS_DATA_DIR={demo.data}")
                print("  cc-devops requests list")
                print(f"  cc-devops deploys show {plan['plan']}")
                demo.server.wait()
        except KeyboardInterrupt:
            print()
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
