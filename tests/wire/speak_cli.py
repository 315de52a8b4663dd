"""A driver of the table: the AWS CLI, version 1, as its program runs it, in a process of its own for each call. What takes it
longest, its modules and its commands, is loaded once, before these part. A line is a call, the next line out is its answer."""

import json
import os
import re
import sys
import tempfile
import traceback

import awscli.clidriver

try:
    from awscli.botocore import xform_name
except ImportError:
    from botocore import xform_name

SERVICES = {"s3": "s3api"}
KNOWN = ("cloudformation", "cloudwatch", "dynamodb", "events", "secretsmanager", "sns", "sqs", "ssm", "sts")
ERROR = re.compile(r"An error occurred \((?P<code>[^)]+)\) when calling the \w+ operation(?: \([^)]*\))?: (?P<message>.*)")
# How urllib3 tells of each try, where debugging is on.
TRY = re.compile(r'"(?:GET|POST|PUT) \S* HTTP/1\.1" (\d{3})')


def words(call):
    service = SERVICES.get(call["service"], call["service"])
    return [
        service,
        xform_name(call["operation"], "-"),
        "--endpoint-url",
        call["endpoint"],
        "--region",
        call["region"],
        "--output",
        "json",
        "--debug",
        "--cli-input-json",
        json.dumps(arguments_of(call["with"])),
    ]


def arguments_of(value):
    if isinstance(value, list):
        return [arguments_of(one) for one in value]
    if isinstance(value, dict):
        if set(value) == {"$time"}:
            return value["$time"]
        if set(value) == {"$b64"}:
            return value["$b64"]
        return {name: arguments_of(one) for name, one in value.items()}
    return value


def run(call, out, err, program):
    """In the new process: what the program `aws` does."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.update(
        AWS_ACCESS_KEY_ID=call["key"]["id"],
        AWS_SECRET_ACCESS_KEY=call["key"]["secret"],
    )
    if "token" in call["key"]:
        os.environ["AWS_SESSION_TOKEN"] = call["key"]["token"]
    code = 255
    try:
        code = program.main(words(call))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def warm(program):
    """Has the models loaded that each call would load anew."""
    loader = program.session.get_component("data_loader")
    for service in KNOWN:
        for kind in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(service, kind)


def made(call, program):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            run(call, out.fileno(), err.fileno(), program)
        _, status = os.waitpid(child, 0)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace"))
    printed, told = said
    tries = TRY.findall(told)
    seen = {"status": int(tries[-1]) if tries else None, "headers": {}, "tries": len(tries)}
    if os.waitstatus_to_exitcode(status) == 0:
        return seen | {"ok": json.loads(printed) if printed.strip() else {}}
    errors = list(ERROR.finditer(told))
    if not errors:
        return {"broken": told[-2000:]}
    return seen | {"error": {"code": errors[-1]["code"], "message": errors[-1]["message"]}}


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as configuration:
        configuration.write("[default]\nparameter_validation = false\n")
        configuration.flush()
        os.environ.update(AWS_CONFIG_FILE=configuration.name, AWS_PAGER="")
        program = awscli.clidriver.create_clidriver()
        warm(program)
        for line in sys.stdin:
            try:
                answer = made(json.loads(line), program)
            except Exception:  # whatever it is, the table says where it happened
                answer = {"broken": traceback.format_exc()}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
