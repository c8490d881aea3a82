-- Clients of the API, which sign their requests. `scopes` and `authorities` are names between bars, `|a|b|`; `authorities` is
-- NULL for a client that is held to none.
CREATE TABLE clients (
    client      BLOB PRIMARY KEY CHECK (length(client) = 16),
    name        TEXT NOT NULL,
    public_key  BLOB NOT NULL CHECK (length(public_key) = 64),
    scopes      TEXT NOT NULL,
    rate        INTEGER NOT NULL CHECK (rate BETWEEN 1 AND 60000),
    webhook     TEXT,
    authorities TEXT,
    state       TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'closed')),
    created_ms  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER clients_are_kept BEFORE DELETE ON clients
BEGIN SELECT RAISE(ABORT, 'clients are closed, not deleted'); END;
CREATE TRIGGER clients_stay_closed BEFORE UPDATE ON clients
WHEN old.state = 'closed' AND new.state <> 'closed'
BEGIN SELECT RAISE(ABORT, 'a closed client stays closed'); END;

-- What changed, for 30 days. Numbers grow and are never given twice.
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms     INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    authority TEXT,
    key_id    BLOB,
    request   BLOB,
    client    BLOB REFERENCES clients (client),
    data      TEXT NOT NULL
) STRICT;
CREATE INDEX events_at ON events (at_ms);
CREATE INDEX events_of_key ON events (key_id, seq) WHERE key_id IS NOT NULL;
CREATE INDEX events_of_request ON events (request, seq) WHERE request IS NOT NULL;

-- Which of them go to a webhook. `next_at_ms`: when it is tried next, or, under way, when another process may.
CREATE TABLE deliveries (
    client     BLOB NOT NULL REFERENCES clients (client),
    event      INTEGER NOT NULL REFERENCES events (seq),
    state      TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts   INTEGER NOT NULL,
    made_ms    INTEGER NOT NULL,
    next_at_ms INTEGER NOT NULL,
    status     INTEGER,
    PRIMARY KEY (client, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (client, next_at_ms, event) WHERE state = 'pending';
CREATE INDEX deliveries_of_event ON deliveries (event);
