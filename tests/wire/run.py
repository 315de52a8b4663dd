#!/usr/bin/env python3
"""AWS's own SDKs against the AWS door, and what no SDK would send.

    run.py BINARY PEERS EXAMPLES [--part NAME]… [--driver NAME]… [--scenario ID]… [--seed NUMBER]

BINARY is cc-devops, PEERS the folder of virtual environments, EXAMPLES the folder with the built examples `fake_stripe` and
`speak_sdk`. Runs with the Python of PEERS/aws; `make test-wire` does all of it. Exit code 1: something is not as it should be.
"""

import argparse
import concurrent.futures
import pathlib
import random
import sys
import time

import authentication
import beside_moto
import botocore_models
import caching
import drivers
import hostile
import reached
import table
import whole_agent
from expect import Differs
from plane import Failed, started


def go_through(name, arguments, scenarios):
    """The table with one driver, against a control plane of its own; gives what differs."""
    mine = [scenario for scenario in scenarios if name in scenario["drivers"]]
    differs, began = [], time.monotonic()
    stripe = arguments.examples / "fake_stripe"
    with started(arguments.binary, table.agents(mine), stripe) as plane:
        with drivers.Driver(name, arguments.peers, arguments.examples) as driver:
            for scenario in mine:
                try:
                    table.Going(scenario, driver, plane).run()
                except (Differs, RuntimeError) as difference:
                    differs.append(f"{name}, {scenario['id']} ({scenario['says']}): {difference}")
    print(f"{name}: {len(mine) - len(differs)} of {len(mine)} scenarios in {time.monotonic() - began:.1f} s", flush=True)
    return differs


def the_table(arguments):
    """Every driver goes through every scenario that names it, and all agree."""
    scenarios = table.read(arguments.scenario)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        runs = [pool.submit(go_through, name, arguments, scenarios) for name in arguments.driver]
        return [difference for run in runs for difference in run.result()]


PARTS = {
    "table": the_table,
    "models": botocore_models.run,
    "authentication": authentication.run,
    "reached": reached.run,
    "hostile": hostile.run,
    "moto": beside_moto.run,
    "caching": caching.run,
    "agent": whole_agent.run,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "peers", "examples"):
        parser.add_argument(name, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--part", action="append", choices=list(PARTS), help="this part alone")
    parser.add_argument("--driver", action="append", choices=drivers.NAMES, help="this driver alone, in the table")
    parser.add_argument("--scenario", action="append", help="this scenario alone, in the table")
    parser.add_argument("--seed", type=int, help="for what is made by chance")
    arguments = parser.parse_args()
    arguments.seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    if arguments.scenario or arguments.driver:
        arguments.part = arguments.part or ["table"]
    arguments.driver = arguments.driver or list(drivers.NAMES)
    print(f"--seed {arguments.seed}", flush=True)
    wrong = []
    for name in arguments.part or PARTS:
        began = time.monotonic()
        try:
            found = PARTS[name](arguments)
        except Failed as failure:
            found = [f"{name}: {failure}"]
        wrong += found
        state = f"{len(found)} differ" if found else "as it should be"
        print(f"== {name}: {state}, {time.monotonic() - began:.1f} s", flush=True)
    for difference in wrong:
        print(f"- {difference}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
