-- +goose Up
-- Which programs may work on this database, and what they may write (docs/decisions/0020).
-- oldest_program is the number of the newest migration that a program must know: every
-- migration from here on sets it. event_level is the level of the forms in which events may be
-- written; it only ever rises. turns counts those who have asked about event_level.
CREATE TABLE compatibility (
    one            INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    oldest_program INTEGER NOT NULL,
    event_level    INTEGER NOT NULL,
    turns          INTEGER NOT NULL
);
INSERT INTO compatibility (one, oldest_program, event_level, turns) VALUES (1, 5, 1, 0);

-- The highest level that the node reads. The programs of before, which do not say, read the first.
ALTER TABLE nodes ADD COLUMN event_level INTEGER NOT NULL DEFAULT 1;

-- A node that does not read what may be written cannot be registered, whatever its program knows
-- of this.
-- +goose StatementBegin
CREATE TRIGGER nodes_read_events BEFORE INSERT ON nodes
WHEN NEW.event_level < (SELECT event_level FROM compatibility)
BEGIN
    SELECT RAISE(ABORT, 'events of this database are written in a form that this node does not read: run the newer version of the program');
END;
-- +goose StatementEnd

-- Who placed the order; NULL where callers have no names, as for all orders from before. The lists
-- of everybody have the indexes that there are. Those of one customer have two of their own, which
-- cost nothing as long as there are no names.
ALTER TABLE orders ADD COLUMN customer TEXT;
ALTER TABLE orders_next ADD COLUMN customer TEXT;
CREATE INDEX orders_customer ON orders (customer, placed_at, order_id) WHERE customer IS NOT NULL;
CREATE INDEX orders_customer_status ON orders (customer, status, placed_at, order_id) WHERE customer IS NOT NULL;
CREATE INDEX orders_next_customer ON orders_next (customer, placed_at, order_id) WHERE customer IS NOT NULL;
CREATE INDEX orders_next_customer_status ON orders_next (customer, status, placed_at, order_id) WHERE customer IS NOT NULL;
