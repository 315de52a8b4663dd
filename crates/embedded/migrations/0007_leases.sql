-- `attempts` counts claims: it is the fence. How often a request was tried stands here; NULL in rows of before,
-- when both were the same.
ALTER TABLE requests ADD COLUMN tries INTEGER;
-- How far its work is, as JSON text, while it is carried out.
ALTER TABLE requests ADD COLUMN progress TEXT;
