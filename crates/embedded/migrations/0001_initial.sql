-- Times are integers, nanoseconds since 1970 UTC, unless a column says otherwise.
-- A sealed value takes three columns: the id of the master key, the data key wrapped by it, and
-- the value encrypted under the data key.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of the store's own, made at first start and never changed.
CREATE TABLE store_keys (
  name     TEXT NOT NULL UNIQUE,
  key_id   TEXT NOT NULL,
  data_key BLOB NOT NULL,
  sealed   BLOB NOT NULL
) STRICT;

-- `published` is no stored state: a concluded request is published when the outbox holds it no more.
CREATE TABLE requests (
  seq         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  state       TEXT NOT NULL CHECK (state IN ('received', 'executing', 'waiting', 'concluded')),
  attempts    INTEGER NOT NULL,
  -- received: when it may be taken; executing: when the lease ends; waiting: since when.
  due_at      INTEGER,
  principal   TEXT NOT NULL,
  role        TEXT NOT NULL,
  agent       TEXT NOT NULL,
  action      TEXT NOT NULL,
  stage       TEXT NOT NULL,
  resource    TEXT,
  fingerprint BLOB NOT NULL,
  received_at INTEGER NOT NULL,
  status      TEXT,
  completed   TEXT,
  output      TEXT,
  key_id      TEXT,
  data_key    BLOB,
  detail      BLOB,
  CHECK ((state = 'concluded') = (completed IS NOT NULL))
) STRICT;
CREATE INDEX requests_open ON requests (state, due_at) WHERE state <> 'concluded';
CREATE INDEX requests_agent ON requests (agent);
CREATE INDEX requests_failed ON requests (status) WHERE status = 'error';

-- The event of a request stands in the request's own row; other events stand here.
-- AUTOINCREMENT, because an id that came again would look like an event that was published before.
CREATE TABLE outbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  request_seq INTEGER UNIQUE REFERENCES requests (seq),
  agent       TEXT,
  completed   TEXT,
  due_at      INTEGER,
  failures    INTEGER NOT NULL DEFAULT 0,
  CHECK ((request_seq IS NULL) = (completed IS NOT NULL)),
  CHECK ((agent IS NULL) = (completed IS NULL))
) STRICT;

CREATE TABLE stack_locks (
  stack      TEXT PRIMARY KEY,
  request_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stack_locks_request ON stack_locks (request_id);

-- What the local command runner knows of its commands. A run without an outcome goes on, or its
-- fate is unknown; `pid` is its process group.
CREATE TABLE stack_runs (
  request_id TEXT PRIMARY KEY,
  stack      TEXT NOT NULL,
  pid        INTEGER,
  started_at INTEGER NOT NULL,
  deadline   INTEGER NOT NULL,
  ended_at   INTEGER,
  outcome    TEXT,
  output     TEXT
) STRICT;
CREATE INDEX stack_runs_open ON stack_runs (stack) WHERE outcome IS NULL;

-- The columns before `entry` are copies to search by; the entry is what the hash covers.
CREATE TABLE audit (
  seq       INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  principal TEXT,
  agent     TEXT,
  action    TEXT NOT NULL,
  status    TEXT NOT NULL,
  entry     TEXT NOT NULL,
  prev_hash BLOB NOT NULL,
  hash      BLOB NOT NULL
) STRICT;
CREATE INDEX audit_agent ON audit (agent) WHERE agent IS NOT NULL;
CREATE INDEX audit_principal ON audit (principal) WHERE principal IS NOT agent;

-- The chain's end under a keyed MAC, so that cutting rows off shows.
CREATE TABLE audit_head (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  seq  INTEGER NOT NULL,
  hash BLOB NOT NULL,
  mac  BLOB NOT NULL
) STRICT;

CREATE TABLE secrets (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  versions   INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- The value of a version older than the previous one is forgotten; the rest of its row stays, so
-- that a repeated write is known again.
CREATE TABLE secret_versions (
  secret     INTEGER NOT NULL REFERENCES secrets (id),
  version    INTEGER NOT NULL,
  token      TEXT NOT NULL,
  action     TEXT NOT NULL,
  value_mac  BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  agent      TEXT NOT NULL,
  stage      TEXT NOT NULL,
  key_id     TEXT,
  data_key   BLOB,
  sealed     BLOB
) STRICT;
CREATE UNIQUE INDEX secret_versions_version ON secret_versions (secret, version);
CREATE UNIQUE INDEX secret_versions_token ON secret_versions (secret, token);

CREATE TABLE agents (
  name            TEXT PRIMARY KEY,
  role            TEXT NOT NULL,
  secret_prefixes TEXT NOT NULL,
  stacks          TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  revoked_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  hash       BLOB PRIMARY KEY,
  agent      TEXT NOT NULL REFERENCES agents (name),
  created_at INTEGER NOT NULL,
  ends_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_agent ON tokens (agent);

CREATE TABLE heartbeats (
  agent   TEXT PRIMARY KEY REFERENCES agents (name),
  at      INTEGER NOT NULL,
  healthy INTEGER NOT NULL,
  message TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  cursor       INTEGER PRIMARY KEY AUTOINCREMENT,
  outbox_id    INTEGER NOT NULL,
  request_id   TEXT NOT NULL,
  agent        TEXT NOT NULL,
  completed    TEXT NOT NULL,
  published_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_once ON events (outbox_id, request_id);
CREATE INDEX events_agent ON events (agent);

CREATE TABLE subscriptions (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  url        TEXT NOT NULL,
  agent      TEXT,
  created_at INTEGER NOT NULL,
  key_id     TEXT NOT NULL,
  data_key   BLOB NOT NULL,
  sealed     BLOB NOT NULL
) STRICT;

-- AUTOINCREMENT, because a late answer about a delivery must not meet another one of that number.
CREATE TABLE deliveries (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
  event        INTEGER NOT NULL REFERENCES events (cursor),
  message_id   TEXT NOT NULL,
  attempts     INTEGER NOT NULL DEFAULT 0,
  due_at       INTEGER NOT NULL,
  error        TEXT
) STRICT;
CREATE INDEX deliveries_due ON deliveries (due_at);
CREATE INDEX deliveries_subscription ON deliveries (subscription);

CREATE TABLE dead_letters (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
  event        INTEGER NOT NULL REFERENCES events (cursor),
  message_id   TEXT NOT NULL,
  attempts     INTEGER NOT NULL,
  error        TEXT NOT NULL,
  buried_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_letters_subscription ON dead_letters (subscription);

CREATE TABLE jobs (
  name   TEXT PRIMARY KEY,
  due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE request_totals (
  action         TEXT NOT NULL,
  status         TEXT NOT NULL,
  count          INTEGER NOT NULL,
  latency_ms_sum INTEGER NOT NULL,
  PRIMARY KEY (action, status)
) STRICT, WITHOUT ROWID;

-- `minute` counts minutes since 1970 UTC.
CREATE TABLE request_minutes (
  minute         INTEGER NOT NULL,
  action         TEXT NOT NULL,
  status         TEXT NOT NULL,
  count          INTEGER NOT NULL,
  latency_ms_sum INTEGER NOT NULL,
  latency_ms_max INTEGER NOT NULL,
  PRIMARY KEY (minute, action, status)
) STRICT, WITHOUT ROWID;
