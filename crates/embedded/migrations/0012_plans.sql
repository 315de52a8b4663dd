-- A parked request that rests has no `due_at`: no sweep reads it. Here stands since when it was parked.
ALTER TABLE requests ADD COLUMN rests_since INTEGER;

-- A request's plan: the run of its stack's plan command, if it has one, and what the deploy will be begun with. That is
-- sealed, and forgotten at the plan's end: the order as JSON on the first line, and behind it the plan file byte for
-- byte. `basis` is the run that last changed the stack when the plan was begun.
CREATE TABLE stack_plans (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  request_id TEXT NOT NULL UNIQUE,
  stack      TEXT NOT NULL,
  basis      TEXT,
  pid        INTEGER,
  started_at INTEGER NOT NULL,
  deadline   INTEGER NOT NULL,
  ended_at   INTEGER,
  outcome    TEXT,
  output     TEXT,
  key_id     TEXT,
  data_key   BLOB,
  sealed     BLOB
) STRICT;
CREATE INDEX stack_plans_open ON stack_plans (stack) WHERE outcome IS NULL;
CREATE INDEX stack_plans_sealed ON stack_plans (seq) WHERE sealed IS NOT NULL;
CREATE INDEX stack_plans_output ON stack_plans (started_at) WHERE output IS NOT NULL;

-- The request whose run last changed a stack; it stays when the run is forgotten.
CREATE TABLE stack_changes (
  stack      TEXT PRIMARY KEY,
  request_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO stack_changes (stack, request_id)
  SELECT stack, request_id FROM (
    SELECT stack, request_id, row_number() OVER (PARTITION BY stack ORDER BY started_at DESC, rowid DESC) AS place
    FROM stack_runs
  ) WHERE place = 1;
