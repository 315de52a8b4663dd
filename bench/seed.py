#!/usr/bin/env python3
"""Fills a stopped control plane's database with finished putSecret requests, for measuring.

    python3 bench/seed.py DATA_DIR COUNT
    python3 bench/seed.py DATA_DIR COUNT --over-days 365     spread evenly over the last year

Every row is a copy of a real one in the same database (the newest successful putSecret request, its
audit row, its event, its secret's version) with its own id and, where that is asked for, its own time,
so the columns are what the program wrote. Each request gets all four; its secret is one of COUNT / 100,
so each has 100 versions.

Not as in a real one: the audit rows stand before row 1, under numbers below 1, because only the
program can put rows at the chain's end; the sums in /metrics do not count the seeded requests; the
seeded secrets cannot be read, because a value is sealed under its own name. A data folder that was
seeded is for measuring and nothing else.
"""

import argparse
import contextlib
import datetime
import fcntl
import hashlib
import json
import pathlib
import random
import sqlite3
import sys
import time

DATABASE = "control-plane.db"
LOCK = "serve.lock"
VERSIONS_PER_SECRET = 100
CHUNK = 20_000
DAY = 86_400 * 10**9


class Table:
    """A table and one of its rows to copy."""

    def __init__(self, db, name, where, argument, columns="*"):
        cursor = db.execute(f"SELECT {columns} FROM {name} WHERE {where} LIMIT 1", [argument])
        row = cursor.fetchone()
        if row is None:
            sys.exit(f"seed: there is no finished putSecret request in table {name} to copy; send one first")
        self.name = name
        self.columns = [column[0] for column in cursor.description]
        self.row = dict(zip(self.columns, row))

    def insert(self, db, changes):
        """Inserts a copy for each mapping of changed columns."""
        holes = ", ".join("?" for _ in self.columns)
        statement = f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({holes})"
        base = self.row
        db.executemany(statement, ([change.get(c, base[c]) for c in self.columns] for change in changes))


def known_id(index, seed):
    """The id of a seeded request: random at its beginning, as a UUID is."""
    digest = hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()
    return f"{digest[:12]}-seeded-{index}"


def make_due(data_dir, job):
    """Makes a job of the stopped control plane due at its next start."""
    with contextlib.closing(sqlite3.connect(data_dir / DATABASE, isolation_level=None)) as db:
        db.execute("INSERT INTO jobs (name, due_at) VALUES (?, 0) ON CONFLICT (name) DO UPDATE SET due_at = 0", [job])


def left(data_dir):
    """How many of the seeded requests are still there; a server may run."""
    with contextlib.closing(sqlite3.connect(f"file:{data_dir / DATABASE}?mode=ro", uri=True)) as db:
        return db.execute("SELECT count(*) FROM requests WHERE id LIKE '%-seeded-%'").fetchone()[0]


# Where rows have their places, and where others name them.
PLACES = {
    "requests": (("requests", "seq"), ("events", "request_seq"), ("outbox", "request_seq")),
    "events": (
        ("events", "cursor"), ("deliveries", "event"), ("dead_letters", "event"), ("event_exceptions", "event"),
        ("consumers", "cursor"),
    ),
    "secret_versions": (("secret_versions", "rowid"),),
}


def make_room(db, count):
    """Moves what is there behind the places of so many older rows: places grow with time."""
    for named in PLACES.values():
        for table, column in named:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            if column in columns or (column == "rowid" and columns):
                # By way of negative places, so that none is taken twice.
                db.execute(f"UPDATE {table} SET {column} = -({column} + ?) WHERE {column} > 0", [count])
                db.execute(f"UPDATE {table} SET {column} = -{column} WHERE {column} < 0")
    db.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'events'", [count])


class Times:
    """When the seeded requests ended: all as the copied one, or evenly over so many days up to so many days ago."""

    def __init__(self, count, over_days, days_ago):
        self.count, self.over, self.ago = count, over_days * DAY, days_ago * DAY
        self.own = bool(over_days or days_ago)
        self.now = time.time_ns()

    def of(self, index):
        """Nanoseconds since 1970, and the same as RFC 3339."""
        at = self.now - self.ago - self.over * (self.count - 1 - index) // self.count
        whole = datetime.datetime.fromtimestamp(at // 10**9, datetime.UTC)
        return at, f"{whole:%Y-%m-%dT%H:%M:%S}.{at % 10**9:09d}Z"


def seed(data_dir, count, seed_text="seed", progress=lambda done: None, over_days=0, days_ago=0, audit=True):
    """Adds `count` finished requests; gives the seconds it took. Without `audit` the trail stays as it is,
    and so does its check."""
    data_dir = pathlib.Path(data_dir)
    started = time.monotonic()
    with open(data_dir / LOCK, "a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"seed: a server runs on {data_dir}; stop it first")
        db = sqlite3.connect(data_dir / DATABASE, isolation_level=None)
        try:
            fill(db, count, seed_text, progress, Times(count, over_days, days_ago), audit)
        finally:
            db.close()
    return time.monotonic() - started


def fill(db, count, seed_text, progress, times, with_audit):
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -2000000")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA wal_autocheckpoint = 20000")
    if times.own:
        make_room(db, count)
    requests = Table(db, "requests", "status = ? AND action = 'putSecret' ORDER BY seq DESC", "success")
    request_id = requests.row["id"]
    name = requests.row["resource"]
    # Since schema 4 an event refers to its request; before, it held a copy of the outcome.
    refers = any(column[1] == "request_seq" for column in db.execute("PRAGMA table_info(events)"))
    if refers:
        events = Table(db, "events", "request_seq = ?", requests.row["seq"])
    else:
        events = Table(db, "events", "request_id = ?", request_id)
    audit = Table(db, "audit", "json_extract(entry, '$.requestId') = ? ORDER BY seq DESC", request_id)
    secrets = Table(db, "secrets", "name = ?", name)
    versions = Table(db, "secret_versions", "secret = ? ORDER BY version DESC", secrets.row["id"], "rowid, *")
    completed = json.loads(requests.row["completed"])
    completed = completed.get("body", completed)
    version_id, ended_at = completed["result"]["versionId"], completed["timestamp"]

    def top(column, table):
        return db.execute(f"SELECT coalesce(max({column}), 0) FROM {table}").fetchone()[0]

    def free(column, table):
        """The first of `count` free places."""
        return 1 if times.own else top(column, table) + 1

    first_seq = free("seq", "requests")
    first_secret = top("id", "secrets") + 1
    (lowest_row,) = db.execute("SELECT coalesce(min(seq), 1) FROM audit").fetchone()
    outbox = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    first_outbox = (outbox[0] if outbox else 0) + 1
    cursor, first_version = free("cursor", "events"), free("rowid", "secret_versions")
    prefix = name.rsplit("/", 1)[0]
    secret_count = max(1, count // VERSIONS_PER_SECRET)
    rounds = -(-count // secret_count)
    values = random.Random(seed_text)

    db.execute("BEGIN IMMEDIATE")
    secrets.insert(db, (
        {"id": first_secret + s, "name": f"{prefix}/seeded-{seed_text}-{s}", "versions": versions_of(s, count, secret_count)}
        for s in range(secret_count)
    ))
    db.execute("COMMIT")
    for start in range(0, count, CHUNK):
        rows = {"requests": [], "events": [], "audit": [], "versions": []}
        for index in range(start, min(start + CHUNK, count)):
            own_id = known_id(index, seed_text)
            digest = hashlib.sha256(own_id.encode())
            token = digest.hexdigest()
            # Rounds over all secrets, so that a secret's versions lie apart, as they do in time.
            turn, secret = divmod(index, secret_count)
            own_name = f"{prefix}/seeded-{seed_text}-{secret}"

            at, shown = times.of(index) if times.own else (None, ended_at)

            def own(text):
                text = text.replace(request_id, own_id).replace(name, own_name).replace(version_id, token)
                return text.replace(ended_at, shown)

            def dated(column):
                return {column: at} if times.own else {}

            rows["requests"].append({
                "seq": first_seq + index, "id": own_id, "resource": own_name, "fingerprint": digest.digest(),
                "completed": own(requests.row["completed"]), **dated("received_at"),
            })
            event = {"cursor": cursor + index, **dated("published_at")}
            if refers:
                event |= {"request_seq": first_seq + index}
            else:
                event |= {
                    "outbox_id": first_outbox + index, "request_id": own_id, "completed": own(events.row["completed"]),
                }
            rows["events"].append(event)
            rows["audit"].append({
                "seq": lowest_row - count + index, "entry": own(audit.row["entry"]), "hash": digest.digest(),
                "prev_hash": values.randbytes(32), **dated("at"),
            })
            version = {"rowid": first_version + index, "secret": first_secret + secret, "version": turn + 1, "token": token, "value_mac": digest.digest(), **dated("created_at")}
            if turn + 2 < rounds:
                version |= {"key_id": None, "data_key": None, "sealed": None}
            rows["versions"].append(version)
        db.execute("BEGIN IMMEDIATE")
        requests.insert(db, rows["requests"])
        events.insert(db, rows["events"])
        if with_audit:
            audit.insert(db, rows["audit"])
        versions.insert(db, rows["versions"])
        db.execute("COMMIT")
        progress(start + len(rows["requests"]))
    if refers:
        db.execute("UPDATE consumers SET cursor = (SELECT max(cursor) FROM events)")
    else:
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'outbox'", [first_outbox + count])
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def versions_of(secret, count, secret_count):
    """How many versions a secret has at the end."""
    return count // secret_count + (1 if secret < count % secret_count else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", metavar="DATA_DIR")
    parser.add_argument("count", metavar="COUNT", type=int)
    parser.add_argument("--over-days", type=int, default=0, help="spread them over so many days")
    parser.add_argument("--days-ago", type=int, default=0, help="the newest is of so many days ago")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("COUNT must be at least 1")
    show = lambda done: print(f"\r{done:,}", end="", file=sys.stderr)  # noqa: E731
    days = {"over_days": arguments.over_days, "days_ago": arguments.days_ago}
    seconds = seed(arguments.data_dir, arguments.count, progress=show, **days)
    print(f"\rseeded {arguments.count:,} finished requests in {seconds:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
