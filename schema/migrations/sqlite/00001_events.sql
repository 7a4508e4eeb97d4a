-- +goose Up
-- The event store. heads holds the last position of each partition; partitions are
-- numbered from 0 and their number is fixed here. Partition -1 is for messages that no
-- event caused and has no events.
CREATE TABLE heads (
    partition INTEGER NOT NULL PRIMARY KEY,
    head      INTEGER NOT NULL DEFAULT 0
);
INSERT INTO heads (partition) VALUES (-1), (0);

CREATE TABLE events (
    position    INTEGER NOT NULL CHECK (position > 0),
    partition   INTEGER NOT NULL,
    stream_id   BLOB    NOT NULL CHECK (length(stream_id) = 16),
    version     INTEGER NOT NULL CHECK (version > 0),
    type        TEXT    NOT NULL,
    data        TEXT    NOT NULL CHECK (json_valid(data)),
    metadata    TEXT    NOT NULL CHECK (json_valid(metadata)),
    recorded_at TEXT    NOT NULL,
    hash        BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (partition, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX events_stream ON events (stream_id, version);

-- +goose StatementBegin
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
-- +goose StatementEnd

-- Keys (tracking ids, idempotency keys) that name one order for ever, by the SHA-256
-- of the key, so that no collation can make two keys one.
CREATE TABLE reservations (
    key_hash    BLOB NOT NULL PRIMARY KEY CHECK (length(key_hash) = 32),
    order_id    BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    created_at  TEXT NOT NULL
) WITHOUT ROWID;
