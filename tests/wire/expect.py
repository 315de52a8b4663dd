"""Whether an answer is as a scenario expects it. README.md says how expectations are written."""

import datetime
import json
import re
from decimal import Decimal, InvalidOperation


class Differs(Exception):
    """An answer that is not as expected; the text says where and how."""


def hold(expected, seen, texts, where="the answer"):
    """Raises where `seen` differs; what `=>name` names is kept in `texts`."""
    if isinstance(expected, dict) and len(expected) == 1 and next(iter(expected)).startswith("$"):
        (word, argument), = expected.items()
        return by_word(word, argument, seen, texts, where)
    if expected is None:
        if seen not in (None, [], {}, ""):
            raise Differs(f"{where} is there: {shown(seen)}")
    elif isinstance(expected, dict):
        if not isinstance(seen, dict):
            raise Differs(f"{where} is no object: {shown(seen)}")
        for name, value in expected.items():
            hold(value, seen.get(name), texts, f"{where}.{name}")
    elif isinstance(expected, list):
        if not isinstance(seen, list) or len(seen) != len(expected):
            raise Differs(f"{where} is no list of {len(expected)}: {shown(seen)}")
        for index, (one, other) in enumerate(zip(expected, seen)):
            hold(one, other, texts, f"{where}[{index}]")
    elif isinstance(expected, str):
        hold_text(expected, seen, texts, where)
    elif seen != expected or isinstance(seen, bool) != isinstance(expected, bool):
        raise Differs(f"{where} is {shown(seen)}, not {shown(expected)}")


def hold_text(expected, seen, texts, where):
    if expected.startswith("=>"):
        if seen in (None, ""):
            raise Differs(f"{where} is not there")
        texts[expected[2:]] = str(seen)
    elif expected.startswith("re:"):
        if seen is None or not re.search(expected[3:], as_text(seen)):
            raise Differs(f"{where} is {shown(seen)}, which {expected[3:]!r} does not match")
    elif as_text(seen) != expected:
        raise Differs(f"{where} is {shown(seen)}, not {shown(expected)}")


def by_word(word, argument, seen, texts, where):
    if word == "$any":
        return any_of(argument, seen, texts, where)
    if word in ("$has", "$hasnot"):
        return element(word == "$has", argument, seen, texts, where)
    if word == "$len":
        if not isinstance(seen or [], list) or len(seen or []) != argument:
            raise Differs(f"{where} has not {argument} elements: {shown(seen)}")
    elif word in ("$min", "$num", "$above"):
        compare(word, argument, seen, where)
    elif word == "$time":
        near(argument, seen, where)
    elif word == "$parsed":
        try:
            parsed = json.loads(seen)
        except (TypeError, ValueError) as error:
            raise Differs(f"{where} is no JSON ({error}): {shown(seen)}") from None
        hold(argument, parsed, texts, f"{where}, read,")
    elif word == "$names":
        missing = set(argument) - {name.strip() for name in as_text(seen).split(",")}
        if missing:
            raise Differs(f"{where} lacks {sorted(missing)}: {shown(seen)}")
    else:
        raise ValueError(f"{word} is no word of an expectation")
    return None


def any_of(choices, seen, texts, where):
    said = []
    for choice in choices:
        try:
            return hold(choice, seen, texts, where)
        except Differs as difference:
            said.append(str(difference))
    raise Differs(" and ".join(said))


def element(wanted, argument, seen, texts, where):
    for index, one in enumerate(seen or []):
        try:
            hold(argument, one, texts, f"{where}[{index}]")
        except Differs:
            continue
        if not wanted:
            raise Differs(f"{where} has what it must not have: {shown(one)}")
        return
    if wanted:
        raise Differs(f"{where} has no such element: {shown(seen)}")


def compare(word, argument, seen, where):
    try:
        number, other = Decimal(str(seen)), Decimal(str(argument))
    except InvalidOperation:
        raise Differs(f"{where} is no number: {shown(seen)}") from None
    holds = {"$min": number >= other, "$num": number == other, "$above": number > other}
    if not holds[word]:
        raise Differs(f"{where} is {number}, and {word} is {other}")


def near(moment, seen, where):
    try:
        apart = abs(datetime.datetime.fromisoformat(str(seen)).timestamp() - moment)
    except ValueError:
        raise Differs(f"{where} is no moment: {shown(seen)}") from None
    if apart > 60:
        raise Differs(f"{where} is {shown(seen)}, {apart:.0f} s from what is expected")


def as_text(seen):
    if isinstance(seen, bool):
        return "true" if seen else "false"
    return "" if seen is None else str(seen)


def shown(value):
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 600 else f"{text[:600]}…"
