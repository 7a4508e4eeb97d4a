-- +goose Up
-- Messages, written in the transaction that appends the event that causes them and
-- at that event's partition and position.
CREATE TABLE outbox (
    topic      NVARCHAR(128)  NOT NULL,
    partition  INT            NOT NULL,
    position   BIGINT         NOT NULL,
    uuid       NVARCHAR(128)  NOT NULL,
    payload    VARBINARY(MAX) NOT NULL,
    metadata   NVARCHAR(MAX)  NOT NULL,
    created_at DATETIME2(6)   NOT NULL,
    CONSTRAINT outbox_pk PRIMARY KEY (topic, partition, position)
);

-- How far each consumer group has claimed each partition of a topic.
CREATE TABLE consumer_offsets (
    consumer_group NVARCHAR(128) NOT NULL,
    topic          NVARCHAR(128) NOT NULL,
    partition      INT           NOT NULL,
    position       BIGINT        NOT NULL,
    CONSTRAINT consumer_offsets_pk PRIMARY KEY (consumer_group, topic, partition)
);

-- Messages that have been claimed and not yet dealt with. A row is a lease of the
-- node and epoch it names; node '' is nobody: the message waits for available_at.
CREATE TABLE inflight (
    consumer_group NVARCHAR(128)  NOT NULL,
    topic          NVARCHAR(128)  NOT NULL,
    partition      INT            NOT NULL,
    position       BIGINT         NOT NULL,
    uuid           NVARCHAR(128)  NOT NULL,
    payload        VARBINARY(MAX) NOT NULL,
    metadata       NVARCHAR(MAX)  NOT NULL,
    node           NVARCHAR(128)  NOT NULL,
    epoch          BIGINT         NOT NULL,
    attempt        INT            NOT NULL,
    interruptions  INT            NOT NULL,
    claimed_at     DATETIME2(6)   NOT NULL,
    available_at   DATETIME2(6)   NOT NULL,
    CONSTRAINT inflight_pk PRIMARY KEY (consumer_group, topic, partition, position)
);
CREATE INDEX inflight_node ON inflight (node, epoch);

-- Nodes, a row for each registration. A lease of (node, epoch) is good while its row
-- has not expired, by the database's clock.
CREATE TABLE nodes (
    node         NVARCHAR(128) NOT NULL,
    epoch        BIGINT        NOT NULL,
    state        NVARCHAR(16)  NOT NULL,
    slots        INT           NOT NULL,
    busy         INT           NOT NULL,
    host         NVARCHAR(255) NOT NULL,
    pid          INT           NOT NULL,
    version      NVARCHAR(64)  NOT NULL,
    roles        NVARCHAR(64)  NOT NULL,
    admin        NVARCHAR(255) NOT NULL,
    started_at   DATETIME2(6)  NOT NULL,
    heartbeat_at DATETIME2(6)  NOT NULL,
    expires_at   DATETIME2(6)  NOT NULL,
    CONSTRAINT nodes_pk PRIMARY KEY (node, epoch)
);

-- Messages that were given up, until an operator requeues or discards them.
CREATE TABLE dead_letters (
    consumer_group NVARCHAR(128)  NOT NULL,
    topic          NVARCHAR(128)  NOT NULL,
    partition      INT            NOT NULL,
    position       BIGINT         NOT NULL,
    uuid           NVARCHAR(128)  NOT NULL,
    payload        VARBINARY(MAX) NOT NULL,
    metadata       NVARCHAR(MAX)  NOT NULL,
    attempt        INT            NOT NULL,
    interruptions  INT            NOT NULL,
    reason         NVARCHAR(MAX)  NOT NULL,
    parked_at      DATETIME2(6)   NOT NULL,
    CONSTRAINT dead_letters_pk PRIMARY KEY (consumer_group, topic, partition, position)
);
