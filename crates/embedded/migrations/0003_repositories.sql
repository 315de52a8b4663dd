-- What is kept of repositories between two looks: JSON text by owner (in small letters), shelf and key.
CREATE TABLE repository_documents (
  owner    TEXT NOT NULL,
  shelf    TEXT NOT NULL,
  key      TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (owner, shelf, key)
) STRICT, WITHOUT ROWID;
