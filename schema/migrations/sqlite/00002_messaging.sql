-- +goose Up
-- Messages, written in the transaction that appends the event that causes them and
-- at that event's partition and position.
CREATE TABLE outbox (
    topic      TEXT    NOT NULL,
    partition  INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    uuid       TEXT    NOT NULL,
    payload    BLOB    NOT NULL,
    metadata   TEXT    NOT NULL,
    created_at TEXT    NOT NULL,
    PRIMARY KEY (topic, partition, position)
) WITHOUT ROWID;

-- How far each consumer group has claimed each partition of a topic.
CREATE TABLE consumer_offsets (
    consumer_group TEXT    NOT NULL,
    topic          TEXT    NOT NULL,
    partition      INTEGER NOT NULL,
    position       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;

-- Messages that have been claimed and not yet dealt with. A row is a lease of the
-- node and epoch it names; node '' is nobody: the message waits for available_at.
CREATE TABLE inflight (
    consumer_group TEXT    NOT NULL,
    topic          TEXT    NOT NULL,
    partition      INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    uuid           TEXT    NOT NULL,
    payload        BLOB    NOT NULL,
    metadata       TEXT    NOT NULL,
    node           TEXT    NOT NULL,
    epoch          INTEGER NOT NULL,
    attempt        INTEGER NOT NULL,
    interruptions  INTEGER NOT NULL DEFAULT 0,
    claimed_at     TEXT    NOT NULL,
    available_at   TEXT    NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition, position)
) WITHOUT ROWID;
CREATE INDEX inflight_node ON inflight (node, epoch);

-- Nodes, a row for each registration. A lease of (node, epoch) is good while its row
-- has not expired, by the database's clock.
CREATE TABLE nodes (
    node         TEXT    NOT NULL,
    epoch        INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    slots        INTEGER NOT NULL,
    busy         INTEGER NOT NULL DEFAULT 0,
    host         TEXT    NOT NULL,
    pid          INTEGER NOT NULL,
    version      TEXT    NOT NULL,
    roles        TEXT    NOT NULL,
    admin        TEXT    NOT NULL,
    started_at   TEXT    NOT NULL,
    heartbeat_at TEXT    NOT NULL,
    expires_at   TEXT    NOT NULL,
    PRIMARY KEY (node, epoch)
) WITHOUT ROWID;

-- Messages that were given up, until an operator requeues or discards them.
CREATE TABLE dead_letters (
    consumer_group TEXT    NOT NULL,
    topic          TEXT    NOT NULL,
    partition      INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    uuid           TEXT    NOT NULL,
    payload        BLOB    NOT NULL,
    metadata       TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    interruptions  INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    parked_at      TEXT    NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition, position)
) WITHOUT ROWID;
