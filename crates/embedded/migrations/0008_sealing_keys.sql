-- The pairs of keys that values are sealed to before they are sent: their private keys, the newest with the greatest
-- seq. AUTOINCREMENT, because one that is forgotten must not lend its place to an older one.
CREATE TABLE sealing_keys (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  key_id     TEXT NOT NULL,
  data_key   BLOB NOT NULL,
  sealed     BLOB NOT NULL
) STRICT;
