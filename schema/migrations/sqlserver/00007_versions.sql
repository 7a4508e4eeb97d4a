-- +goose Up
-- Which programs may work on this database, and what they may write (docs/decisions/0020).
-- oldest_program is the number of the newest migration that a program must know: every
-- migration from here on sets it. event_level is the level of the forms in which events may be
-- written; it only ever rises. turns counts those who have asked about event_level: who has
-- changed it has the row to itself until its transaction ends.
CREATE TABLE compatibility (
    one            INT    NOT NULL CONSTRAINT compatibility_pk PRIMARY KEY,
    oldest_program BIGINT NOT NULL,
    event_level    INT    NOT NULL,
    turns          BIGINT NOT NULL,
    CONSTRAINT compatibility_one CHECK (one = 1)
);
INSERT INTO compatibility (one, oldest_program, event_level, turns) VALUES (1, 5, 1, 0);

-- The highest level that the node reads. The programs of before, which do not say, read the first.
ALTER TABLE nodes ADD event_level INT NOT NULL CONSTRAINT nodes_event_level DEFAULT 1;

-- A node that does not read what may be written cannot be registered, whatever its program knows
-- of this. The turn is taken first, so that the level cannot be raised between the question and
-- the commit.
-- +goose StatementBegin
CREATE TRIGGER nodes_read_events ON nodes AFTER INSERT AS
BEGIN
    SET NOCOUNT ON;
    UPDATE compatibility SET turns = turns + 1 WHERE one = 1;
    IF EXISTS (SELECT 1 FROM inserted i CROSS JOIN compatibility c WHERE i.event_level < c.event_level)
    BEGIN
        THROW 51000, 'events of this database are written in a form that this node does not read: run the newer version of the program', 1;
    END;
END;
-- +goose StatementEnd

-- Who placed the order; NULL where callers have no names, as for all orders from before. The lists
-- of everybody have the indexes that there are. Those of one customer have two of their own, which
-- cost nothing as long as there are no names.
ALTER TABLE orders ADD customer NVARCHAR(128) COLLATE Latin1_General_BIN2 NULL;
ALTER TABLE orders_next ADD customer NVARCHAR(128) COLLATE Latin1_General_BIN2 NULL;
CREATE INDEX orders_customer ON orders (customer, placed_at, order_id) WHERE customer IS NOT NULL;
CREATE INDEX orders_customer_status ON orders (customer, status, placed_at, order_id) WHERE customer IS NOT NULL;
CREATE INDEX orders_next_customer ON orders_next (customer, placed_at, order_id) WHERE customer IS NOT NULL;
CREATE INDEX orders_next_customer_status ON orders_next (customer, status, placed_at, order_id) WHERE customer IS NOT NULL;
