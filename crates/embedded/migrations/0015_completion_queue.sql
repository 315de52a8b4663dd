-- An agent's queue of completions is the event log from its place on: what it has not fetched stands nowhere else.
CREATE TABLE completion_queues (
  agent TEXT PRIMARY KEY,
  -- Every event up to here was handed out once, is too old, or is no completion.
  taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was handed out and is not deleted.
CREATE TABLE completion_messages (
  event             INTEGER PRIMARY KEY REFERENCES events (cursor) ON DELETE CASCADE,
  agent             TEXT NOT NULL,
  receives          INTEGER NOT NULL,
  first_received_at INTEGER NOT NULL,
  visible_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX completion_messages_due ON completion_messages (agent, visible_at, event);

-- By which door a request came, where that was not the API.
ALTER TABLE requests ADD COLUMN via TEXT;
