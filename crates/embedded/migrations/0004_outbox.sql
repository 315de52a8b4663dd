-- The event log is the outbox: an event enters it with what it tells, in one transaction. Who is told by
-- the relay has a place in it, and what was not told in its turn stands apart.

-- Of a request, the event says what the request's row says; other events have their own text.
DROP INDEX events_once;
ALTER TABLE events ADD COLUMN request_seq INTEGER REFERENCES requests (seq);
ALTER TABLE events ADD COLUMN body TEXT;
UPDATE events SET request_seq = (
  SELECT seq FROM requests WHERE requests.id = events.request_id AND requests.completed = events.completed
);
UPDATE events SET body = completed WHERE request_seq IS NULL;
ALTER TABLE events DROP COLUMN completed;

-- Every event up to the cursor is dealt with, except those below.
CREATE TABLE consumers (
  name   TEXT PRIMARY KEY,
  cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO consumers (name, cursor)
  SELECT column1, coalesce((SELECT max(cursor) FROM events), 0) FROM (VALUES ('webhooks'), ('metrics'), ('people'));

CREATE TABLE event_exceptions (
  consumer     TEXT NOT NULL REFERENCES consumers (name),
  event        INTEGER NOT NULL REFERENCES events (cursor),
  failures     INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  error        TEXT NOT NULL DEFAULT '',
  set_aside_at INTEGER,
  PRIMARY KEY (consumer, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_exceptions_due ON event_exceptions (consumer, due_at) WHERE set_aside_at IS NULL;
CREATE INDEX event_exceptions_aside ON event_exceptions (consumer, event) WHERE set_aside_at IS NOT NULL;
CREATE INDEX event_exceptions_event ON event_exceptions (event);

-- What was in the log and still in the outbox had readers and webhooks, but not the others.
INSERT INTO event_exceptions (consumer, event, failures, due_at)
  SELECT column1, events.cursor, outbox.failures, coalesce(outbox.due_at, 0)
  FROM outbox JOIN events ON events.outbox_id = outbox.id, (VALUES ('metrics'), ('people'));

-- What was in the outbox alone comes behind the cursors, in its order.
INSERT INTO events (outbox_id, request_id, request_seq, agent, body, published_at)
  SELECT outbox.id, '', outbox.request_seq, coalesce(outbox.agent, requests.agent), outbox.completed,
    coalesce(
      unixepoch(CASE WHEN json_valid(coalesce(outbox.completed, requests.completed))
        THEN json_extract(coalesce(outbox.completed, requests.completed), '$.timestamp') END) * 1000000000,
      requests.received_at,
      0
    )
  FROM outbox LEFT JOIN requests ON requests.seq = outbox.request_seq
  WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.outbox_id = outbox.id)
  ORDER BY outbox.id;

DROP TABLE outbox;
ALTER TABLE events DROP COLUMN outbox_id;
ALTER TABLE events DROP COLUMN request_id;
CREATE INDEX events_request ON events (request_seq) WHERE request_seq IS NOT NULL;

-- An event is queued once for each subscription.
CREATE INDEX deliveries_once ON deliveries (subscription, event);
DROP INDEX deliveries_subscription;
