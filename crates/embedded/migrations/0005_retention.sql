-- Where the audit chain is cut, under a keyed MAC: the place and hash of the last row that is cut off. Without a
-- row the chain was never cut.
CREATE TABLE audit_cut (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  seq    INTEGER NOT NULL,
  hash   BLOB NOT NULL,
  cut_at INTEGER NOT NULL,
  mac    BLOB NOT NULL
) STRICT;

-- What is forgotten by its age is found by its place, which grows with time; only few requests have an output.
CREATE INDEX requests_output ON requests (received_at) WHERE output IS NOT NULL;
CREATE INDEX stack_runs_output ON stack_runs (started_at) WHERE output IS NOT NULL;

-- An event is looked for before it is forgotten.
CREATE INDEX deliveries_event ON deliveries (event);
CREATE INDEX dead_letters_event ON dead_letters (event);
