-- +goose Up
-- The row of a message in flight stays where it is while its lease is passed on from one
-- message of an order to the next (docs/decisions/0014). first_topic and first_position are those
-- of the message for which the row was made; topic and position those of the present one.
-- The defaults are for nodes of the version before, which may still run beside newer ones and
-- know nothing of these columns: their rows get keys of their own.
CREATE TABLE inflight_next (
    consumer_group TEXT    NOT NULL,
    first_topic    TEXT    NOT NULL DEFAULT '',
    partition      INTEGER NOT NULL,
    first_position INTEGER NOT NULL DEFAULT (random()),
    topic          TEXT    NOT NULL,
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
    PRIMARY KEY (consumer_group, first_topic, partition, first_position)
) WITHOUT ROWID;
INSERT INTO inflight_next (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
        node, epoch, attempt, interruptions, claimed_at, available_at)
    SELECT consumer_group, topic, partition, position, topic, position, uuid, payload, metadata,
        node, epoch, attempt, interruptions, claimed_at, available_at FROM inflight;
DROP TABLE inflight;
ALTER TABLE inflight_next RENAME TO inflight;
CREATE INDEX inflight_node ON inflight (node, epoch);
