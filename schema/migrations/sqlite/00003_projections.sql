-- +goose Up
-- The view of the orders, a fold of the events, and its twin, in which a rebuild makes
-- the next one; the two change names when it is ready. Times are text that sorts. The
-- long columns come last, so that a search need not read past them. An index serves
-- each filter of the list in the order of the list; the partial ones hold what can be
-- asked for.
CREATE TABLE orders (
    order_id     BLOB    NOT NULL PRIMARY KEY CHECK (length(order_id) = 16),
    version      INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    current_step TEXT,
    node         TEXT,
    placed_at    TEXT    NOT NULL,
    started_at   TEXT,
    completed_at TEXT,
    tracking_id  TEXT,
    steps        TEXT    NOT NULL,
    detail       TEXT
);
CREATE INDEX orders_placed ON orders (placed_at, order_id);
CREATE INDEX orders_status ON orders (status, placed_at, order_id);
CREATE INDEX orders_step ON orders (current_step, placed_at, order_id) WHERE current_step IS NOT NULL;
CREATE INDEX orders_node ON orders (node, placed_at, order_id) WHERE node IS NOT NULL;
CREATE INDEX orders_tracking ON orders (tracking_id, placed_at, order_id) WHERE tracking_id IS NOT NULL;

CREATE TABLE orders_next (
    order_id     BLOB    NOT NULL PRIMARY KEY CHECK (length(order_id) = 16),
    version      INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    current_step TEXT,
    node         TEXT,
    placed_at    TEXT    NOT NULL,
    started_at   TEXT,
    completed_at TEXT,
    tracking_id  TEXT,
    steps        TEXT    NOT NULL,
    detail       TEXT
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
    projection TEXT    NOT NULL,
    partition  INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    counts     TEXT    NOT NULL CHECK (json_valid(counts)),
    updated_at TEXT    NOT NULL,
    PRIMARY KEY (projection, partition)
) WITHOUT ROWID;
INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
    SELECT 'orders', partition, 0, '{}', strftime('%Y-%m-%dT%H:%M:%f000', 'now') FROM heads WHERE partition >= 0;
