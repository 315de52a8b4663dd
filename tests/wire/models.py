"""AWS's models of what the door serves, as cut_models.py has cut them."""

import functools
import json

from cut_models import CUT


@functools.cache
def services():
    return json.loads(CUT.read_text())["services"]


def service(name):
    return services()[name]


def shape(service_name, name):
    return service(service_name)["shapes"][name]


def operations():
    """Every operation, as service and name."""
    return [(name, operation) for name, model in services().items() for operation in model["operations"]]


def input_of(service_name, operation):
    """The name of an operation's input shape."""
    return service(service_name)["operations"][operation]["input"]


def form(service_name, operation, document):
    """A document as the pairs of a form. What is not of its shape is written as it comes."""
    return pairs(service_name, {"shape": input_of(service_name, operation)}, document, "")


def pairs(service_name, ref, value, key):
    model = shape(service_name, ref["shape"]) if ref else {"type": "string"}
    if isinstance(value, dict):
        if model["type"] == "map":
            return map_pairs(service_name, model, value, key)
        members = model.get("members", {})
        found = []
        for name, one in value.items():
            member = members.get(name)
            called = (member or {}).get("locationName", name)
            found += pairs(service_name, member, one, f"{key}.{called}".lstrip("."))
        return found or [(key, "")] * bool(key)
    if isinstance(value, list):
        flat = model.get("flattened") or (ref or {}).get("flattened")
        item = model.get("member", {}).get("locationName", "member")
        begin = key if flat else f"{key}.{item}"
        found = [pairs(service_name, model.get("member"), one, f"{begin}.{place}") for place, one in enumerate(value, 1)]
        return [pair for part in found for pair in part] or [(key, "")]
    return [(key, {True: "true", False: "false", None: ""}.get(value, value) if isinstance(value, (bool, type(None))) else value)]


def map_pairs(service_name, model, value, key):
    found = []
    for place, (name, one) in enumerate(value.items(), 1):
        begin = f"{key}.{place}" if model.get("flattened") else f"{key}.entry.{place}"
        found.append((f"{begin}.{model['key'].get('locationName', 'key')}", name))
        found += pairs(service_name, model["value"], one, f"{begin}.{model['value'].get('locationName', 'value')}")
    return found
