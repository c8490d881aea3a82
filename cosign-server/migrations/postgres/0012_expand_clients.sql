-- Clients of the API, which sign their requests. `scopes` and `authorities` are names between bars, `|a|b|`; `authorities` is
-- NULL for a client that is held to none.
CREATE TABLE clients (
    client      BYTEA PRIMARY KEY CHECK (length(client) = 16),
    name        TEXT NOT NULL,
    public_key  BYTEA NOT NULL CHECK (length(public_key) = 64),
    scopes      TEXT NOT NULL,
    rate        BIGINT NOT NULL CHECK (rate BETWEEN 1 AND 60000),
    webhook     TEXT,
    authorities TEXT,
    state       TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'closed')),
    created_ms  BIGINT NOT NULL,
    version     BIGINT NOT NULL
);
CREATE TRIGGER clients_are_kept BEFORE DELETE ON clients FOR EACH ROW
    EXECUTE FUNCTION refuse('clients are closed, not deleted');
CREATE TRIGGER clients_stay_closed BEFORE UPDATE ON clients FOR EACH ROW
    WHEN (old.state = 'closed' AND new.state <> 'closed')
    EXECUTE FUNCTION refuse('a closed client stays closed');

-- What changed, for 30 days. Numbers grow and are never given twice.
CREATE TABLE events (
    seq       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms     BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    authority TEXT,
    key_id    BYTEA,
    request   BYTEA,
    client    BYTEA REFERENCES clients (client),
    data      TEXT NOT NULL
);
CREATE INDEX events_at ON events (at_ms);
CREATE INDEX events_of_key ON events (key_id, seq) WHERE key_id IS NOT NULL;
CREATE INDEX events_of_request ON events (request, seq) WHERE request IS NOT NULL;

-- Which of them go to a webhook. `next_at_ms`: when it is tried next, or, under way, when another process may.
CREATE TABLE deliveries (
    client     BYTEA NOT NULL REFERENCES clients (client),
    event      BIGINT NOT NULL REFERENCES events (seq),
    state      TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts   BIGINT NOT NULL,
    made_ms    BIGINT NOT NULL,
    next_at_ms BIGINT NOT NULL,
    status     BIGINT,
    PRIMARY KEY (client, event)
);
CREATE INDEX deliveries_due ON deliveries (client, next_at_ms, event) WHERE state = 'pending';
CREATE INDEX deliveries_of_event ON deliveries (event);
