-- A MAC over a record's other columns, under a key of the store: what others wrote is refused. The rows that are there
-- get theirs in the same transaction, and what is sealed of open requests is sealed anew, with who asks in its name.
ALTER TABLE records ADD COLUMN mac BLOB;
