-- A MAC over a row's other columns, under a key of the store: what others wrote is nobody's. The rows that are
-- there get theirs in the same transaction.
ALTER TABLE agents ADD COLUMN mac BLOB;
ALTER TABLE tokens ADD COLUMN mac BLOB;
