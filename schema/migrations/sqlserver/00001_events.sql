-- +goose Up
-- The event store. heads holds the last position of each partition; partitions are
-- numbered from 0 and their number is fixed here. Partition -1 is for messages that no
-- event caused and has no events.
CREATE TABLE heads (
    partition INT    NOT NULL CONSTRAINT heads_pk PRIMARY KEY,
    head      BIGINT NOT NULL
);
INSERT INTO heads (partition, head) VALUES (-1, 0), (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0),
    (8, 0), (9, 0), (10, 0), (11, 0), (12, 0), (13, 0), (14, 0), (15, 0);

CREATE TABLE events (
    position    BIGINT        NOT NULL,
    partition   INT           NOT NULL,
    stream_id   BINARY(16)    NOT NULL,
    version     INT           NOT NULL,
    type        NVARCHAR(64)  NOT NULL,
    data        NVARCHAR(MAX) NOT NULL,
    metadata    NVARCHAR(MAX) NOT NULL,
    recorded_at DATETIME2(6)  NOT NULL,
    hash        BINARY(32)    NOT NULL,
    CONSTRAINT events_pk PRIMARY KEY (partition, position),
    CONSTRAINT events_position CHECK (position > 0),
    CONSTRAINT events_version CHECK (version > 0)
);
CREATE UNIQUE INDEX events_stream ON events (stream_id, version);

-- +goose StatementBegin
CREATE TRIGGER events_append_only ON events INSTEAD OF UPDATE, DELETE AS
BEGIN
    THROW 51000, 'events are append-only', 1;
END;
-- +goose StatementEnd

-- Keys (tracking ids, idempotency keys) that name one order for ever, by the SHA-256
-- of the key, so that no collation can make two keys one.
CREATE TABLE reservations (
    key_hash    BINARY(32)   NOT NULL CONSTRAINT reservations_pk PRIMARY KEY,
    order_id    BINARY(16)   NOT NULL,
    fingerprint BINARY(32)   NOT NULL,
    created_at  DATETIME2(6) NOT NULL
);
