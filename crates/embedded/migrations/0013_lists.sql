-- How many records stand in which list is counted from the index alone, those that stand in none among them.
DROP INDEX records_list;
CREATE INDEX records_list ON records (kind, list, name);

-- What was done to a secret, a stack or an agent, the newest first.
CREATE INDEX audit_resource ON audit (json_extract(entry, '$.resource'), seq, action);
