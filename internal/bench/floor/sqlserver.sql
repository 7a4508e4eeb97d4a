-- The events as the event store has them, without its checks and triggers.
CREATE TABLE floor_events (
    position    BIGINT        NOT NULL,
    partition   INT           NOT NULL,
    stream_id   BINARY(16)    NOT NULL,
    version     INT           NOT NULL,
    type        NVARCHAR(64)  NOT NULL,
    data        NVARCHAR(MAX) NOT NULL,
    metadata    NVARCHAR(MAX) NOT NULL,
    recorded_at DATETIME2(6)  NOT NULL,
    hash        BINARY(32)    NOT NULL,
    CONSTRAINT floor_events_pk PRIMARY KEY (partition, position),
    CONSTRAINT floor_events_stream UNIQUE (stream_id, version)
);
