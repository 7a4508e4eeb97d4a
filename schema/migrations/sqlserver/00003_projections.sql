-- +goose Up
-- The view of the orders, a fold of the events, and its twin, in which a rebuild makes
-- the next one; the two change names when it is ready. An index serves each filter of
-- the list in the order of the list; the filtered ones hold what can be asked for.
-- What customers and operators name (tracking ids, nodes) compares by code point, as it
-- does in SQLite, and not by the collation of the database.
CREATE TABLE orders (
    order_id     BINARY(16)    NOT NULL CONSTRAINT orders_pk PRIMARY KEY,
    version      INT           NOT NULL,
    status       NVARCHAR(32)  NOT NULL,
    current_step NVARCHAR(32)  NULL,
    node         NVARCHAR(128) COLLATE Latin1_General_BIN2 NULL,
    placed_at    DATETIME2(6)  NOT NULL,
    started_at   DATETIME2(6)  NULL,
    completed_at DATETIME2(6)  NULL,
    tracking_id  NVARCHAR(450) COLLATE Latin1_General_BIN2 NULL,
    steps        NVARCHAR(MAX) NOT NULL,
    detail       NVARCHAR(MAX) NULL
);
CREATE INDEX orders_placed ON orders (placed_at, order_id);
CREATE INDEX orders_status ON orders (status, placed_at, order_id);
CREATE INDEX orders_step ON orders (current_step, placed_at, order_id) WHERE current_step IS NOT NULL;
CREATE INDEX orders_node ON orders (node, placed_at, order_id) WHERE node IS NOT NULL;
CREATE INDEX orders_tracking ON orders (tracking_id, placed_at, order_id) WHERE tracking_id IS NOT NULL;

CREATE TABLE orders_next (
    order_id     BINARY(16)    NOT NULL CONSTRAINT orders_next_pk PRIMARY KEY,
    version      INT           NOT NULL,
    status       NVARCHAR(32)  NOT NULL,
    current_step NVARCHAR(32)  NULL,
    node         NVARCHAR(128) COLLATE Latin1_General_BIN2 NULL,
    placed_at    DATETIME2(6)  NOT NULL,
    started_at   DATETIME2(6)  NULL,
    completed_at DATETIME2(6)  NULL,
    tracking_id  NVARCHAR(450) COLLATE Latin1_General_BIN2 NULL,
    steps        NVARCHAR(MAX) NOT NULL,
    detail       NVARCHAR(MAX) NULL
);
CREATE INDEX orders_next_placed ON orders_next (placed_at, order_id);
CREATE INDEX orders_next_status ON orders_next (status, placed_at, order_id);
CREATE INDEX orders_next_step ON orders_next (current_step, placed_at, order_id) WHERE current_step IS NOT NULL;
CREATE INDEX orders_next_node ON orders_next (node, placed_at, order_id) WHERE node IS NOT NULL;
CREATE INDEX orders_next_tracking ON orders_next (tracking_id, placed_at, order_id) WHERE tracking_id IS NOT NULL;

-- How far each projection has applied each partition of the log. counts holds how many
-- orders of the partition have each status, as a JSON object. Partition -1 of
-- orders_next is the claim of the rebuild under way.
CREATE TABLE checkpoints (
    projection NVARCHAR(64)   NOT NULL,
    partition  INT            NOT NULL,
    position   BIGINT         NOT NULL,
    counts     NVARCHAR(1000) NOT NULL,
    updated_at DATETIME2(6)   NOT NULL,
    CONSTRAINT checkpoints_pk PRIMARY KEY (projection, partition)
);
INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
    SELECT 'orders', partition, 0, '{}', SYSUTCDATETIME() FROM heads WHERE partition >= 0;
