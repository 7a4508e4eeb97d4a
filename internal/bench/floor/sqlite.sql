-- The events as the event store has them, without its checks and triggers.
CREATE TABLE floor_events (
    position    INTEGER NOT NULL,
    partition   INTEGER NOT NULL,
    stream_id   BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    data        TEXT    NOT NULL,
    metadata    TEXT    NOT NULL,
    recorded_at TEXT    NOT NULL,
    hash        BLOB    NOT NULL,
    PRIMARY KEY (partition, position),
    UNIQUE (stream_id, version)
) WITHOUT ROWID;
