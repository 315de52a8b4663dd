-- What the watch and the alerts remember: JSON by kind and name, found by when it is due and by the list it stands in.
CREATE TABLE records (
  kind    TEXT NOT NULL,
  name    TEXT NOT NULL,
  version INTEGER NOT NULL,
  due_at  INTEGER,
  list    TEXT,
  body    TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_due ON records (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX records_list ON records (kind, list, name) WHERE list IS NOT NULL;
