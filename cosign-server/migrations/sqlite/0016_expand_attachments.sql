-- Files that users hand in, encrypted under the key of personal data.
CREATE TABLE attachments (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    owner      BLOB NOT NULL CHECK (length(owner) = 16),
    created_ms INTEGER NOT NULL,
    sealed     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attachments_of_owner ON attachments (owner, created_ms);
