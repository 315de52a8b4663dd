"""What the scripts share that measure one part each: their arguments, a folder for as long as it is needed, what a program
answers, the part of docs/BENCHMARKS.md.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import report
from control_plane import Failed

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def say(text):
    print(text, file=sys.stderr, flush=True)


def answered(command):
    """The JSON that a program prints."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{command[0].name} ended with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def run(about, files, name, title, full, quick, measure, targets, markdown):
    """Reads the arguments (`files` as name and help, and --quick), measures, and writes the part; gives the exit code.

    `measure` is called with the files, a folder that is removed afterwards, and the plan; a quick run writes nothing.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    for argument, explained in files:
        parser.add_argument(argument, type=pathlib.Path, help=explained)
    parser.add_argument("--quick", action="store_true", help="a short run that writes nothing")
    arguments = vars(parser.parse_args())
    paths = [arguments[argument].resolve() for argument, _ in files]
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    try:
        found = measure(*paths, folder, quick if arguments["quick"] else full)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lines = targets(found)
    say("\n" + report.as_text(lines))
    if not arguments["quick"]:
        report.write_section(name, markdown(lines, found, report.machine(REPOSITORY)))
        say(f"\nwritten: docs/BENCHMARKS.md, its part on {title}")
    return 0
