"""Deploys the stack of one stage, with the settings of samconfig.toml.

    run.py SAM STAGE ARCHITECTURE

SAM is the program `sam`; ARCHITECTURE (arm64, x86_64) is what the function was built for. Credentials, region and endpoint are
what the AWS CLI would take: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL and their like. Where AWS_ENDPOINT_URL is set, nobody is
asked to confirm.

Exit codes: sam's own; 2, samconfig.toml has no such stage.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tomllib

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def overrides(stage, architecture):
    """The stage's parameters. Those on sam's command line replace those of the file, so all of them are given."""
    with open(REPOSITORY / "samconfig.toml", "rb") as file:
        parameters = tomllib.load(file)[stage]["deploy"]["parameters"]
    given = parameters.get("parameter_overrides", [])
    if isinstance(given, str):
        raise SystemExit("run: write parameter_overrides of samconfig.toml as a list, one `Name=value` each")
    return [one for one in given if not one.startswith("Architecture=")] + [f"Architecture={architecture}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sam", metavar="SAM", type=pathlib.Path)
    parser.add_argument("stage", metavar="STAGE")
    parser.add_argument("architecture", metavar="ARCHITECTURE", choices=["arm64", "x86_64"])
    arguments = parser.parse_args()
    try:
        parameters = overrides(arguments.stage, arguments.architecture)
    except KeyError:
        print(f"run: samconfig.toml has no [{arguments.stage}.deploy.parameters]; STAGE is dev or prod", file=sys.stderr)
        return 2
    command = [arguments.sam.absolute(), "deploy", "--config-env", arguments.stage, "--parameter-overrides", *parameters]
    # sam itself knows AWS_DEFAULT_REGION only.
    if region := os.environ.get("AWS_REGION"):
        command += ["--region", region]
    if os.environ.get("AWS_ENDPOINT_URL"):
        command += ["--no-confirm-changeset"]
    environment = {"SAM_CLI_TELEMETRY": "0"} | os.environ
    return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
