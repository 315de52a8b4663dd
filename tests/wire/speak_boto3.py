"""A driver of the table: boto3, in whichever version this Python has. A line is a call, the next line out is its answer."""

import base64
import datetime
import json
import sys
import traceback

import botocore.auth
import botocore.exceptions
import botocore.loaders
import botocore.session
from botocore.config import Config

PROTOCOLS = {"cbor": "smithy-rpc-v2-cbor", "query": "query", "json": "json"}
UTC = datetime.timezone.utc
CLIENTS = {}


class Now:
    """What the call under way is to be like, and how often it was sent."""

    clock, tamper, unsigned, tries = 0, False, False, 0


def shifted():
    return datetime.datetime.now(UTC).replace(tzinfo=None) + datetime.timedelta(seconds=Now.clock)


class ShiftedDatetime(datetime.datetime):
    """The clock of a caller whose clock is wrong, where botocore asks the class itself."""

    @classmethod
    def utcnow(cls):
        return shifted()


class DatetimeModule:
    """`datetime`, as botocore of 2023 sees it."""

    datetime = ShiftedDatetime

    def __getattr__(self, name):
        return getattr(datetime, name)


if hasattr(botocore.auth, "get_current_datetime"):
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: (
        shifted() if remove_tzinfo else shifted().replace(tzinfo=UTC)
    )
else:
    botocore.auth.datetime = DatetimeModule()


def before_send(request, **_):
    """Sees every try. A body that is changed here is not the one that was signed."""
    Now.tries += 1
    if Now.tamper:
        body = request.body or b""
        request.body = (body.encode() if isinstance(body, str) else bytes(body)) + b" "
        request.headers["Content-Length"] = str(len(request.body))
    if Now.unsigned:
        del request.headers["Authorization"]


def client(call):
    """The client of a call, made once for each of its kind."""
    key, protocol = call["key"], call["how"].get("protocol")
    kind = (call["service"], call["endpoint"], key["id"], key["secret"], key.get("token"), protocol)
    if kind not in CLIENTS:
        session = botocore.session.get_session()
        if protocol:
            speak(session.get_component("data_loader"), PROTOCOLS[protocol])
        made = session.create_client(
            call["service"],
            region_name=call["region"],
            endpoint_url=call["endpoint"],
            aws_access_key_id=key["id"],
            aws_secret_access_key=key["secret"],
            aws_session_token=key.get("token"),
            config=Config(parameter_validation=False),
        )
        made.meta.events.register("before-send", before_send)
        CLIENTS[kind] = made
    return CLIENTS[kind]


def speak(loader, protocol):
    """Has a service spoken to in another of its protocols."""
    load = loader.load_service_model

    def loaded(service, type_name, *arguments, **named):
        model = load(service, type_name, *arguments, **named)
        if type_name == "service-2":
            model = dict(model, metadata=dict(model["metadata"], protocols=[protocol], protocol=protocol))
        return model

    loader.load_service_model = loaded


def arguments_of(value):
    if isinstance(value, list):
        return [arguments_of(one) for one in value]
    if isinstance(value, dict):
        if set(value) == {"$time"}:
            return datetime.datetime.fromtimestamp(value["$time"], UTC)
        if set(value) == {"$b64"}:
            return base64.b64decode(value["$b64"])
        return {name: arguments_of(one) for name, one in value.items()}
    return value


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return {"$b64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value)} is nothing that an answer holds")


def made(call):
    how = call["how"]
    Now.clock, Now.tamper = how.get("clock", 0), how.get("tamper", False)
    Now.unsigned, Now.tries = how.get("unsigned", False), 0
    method = botocore.xform_name(call["operation"])
    try:
        answer = getattr(client(call), method)(**arguments_of(call["with"]))
    except botocore.exceptions.ClientError as error:
        told, meta = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        outcome = {"error": {"code": str(told.get("Code")), "message": told.get("Message", "")}}
    else:
        meta = answer.pop("ResponseMetadata", {})
        outcome = {"ok": answer}
    return outcome | {"status": meta.get("HTTPStatusCode"), "headers": meta.get("HTTPHeaders", {}), "tries": Now.tries}


def main():
    for line in sys.stdin:
        try:
            answer = json.dumps(made(json.loads(line)), default=plain)
        except Exception:  # whatever it is, the table says where it happened
            answer = json.dumps({"broken": traceback.format_exc()})
        print(answer, flush=True)


if __name__ == "__main__":
    main()
