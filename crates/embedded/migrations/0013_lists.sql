-- How many records stand in which list is counted from the index alone, those that stand in none among them.
DROP INDEX IF EXISTS records_list;
CREATE INDEX records_list ON records (kind, list, name);

-- What was done to a secret, a stack or an agent, the newest first. A row that somebody damaged is about nothing, and is found
-- by the chain.
CREATE INDEX IF NOT EXISTS audit_resource
  ON audit (CASE WHEN json_valid(entry) THEN json_extract(entry, '$.resource') END, seq, action);
