-- What an owner says of a secret beside its value: a sentence, and tags as a JSON object of texts.
ALTER TABLE secrets ADD COLUMN description TEXT;
ALTER TABLE secrets ADD COLUMN tags TEXT;

-- Who made a secret that has no version yet, and when anything beside its versions was changed last.
ALTER TABLE secrets ADD COLUMN made_by TEXT;
ALTER TABLE secrets ADD COLUMN changed_at INTEGER;
