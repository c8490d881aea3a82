-- Files that users hand in, encrypted under the key of personal data.
CREATE TABLE attachments (
    id         BYTEA PRIMARY KEY CHECK (length(id) = 16),
    owner      BYTEA NOT NULL CHECK (length(owner) = 16),
    created_ms BIGINT NOT NULL,
    sealed     BYTEA NOT NULL
);
CREATE INDEX attachments_of_owner ON attachments (owner, created_ms);
