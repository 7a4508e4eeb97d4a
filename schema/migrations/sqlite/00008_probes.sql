-- +goose Up
-- What a node writes, reads back and removes when it is asked whether the database takes
-- orders: a row of an order's size. Between two questions the table is empty.
CREATE TABLE probes (
    node       TEXT NOT NULL PRIMARY KEY,
    content    BLOB NOT NULL,
    written_at TEXT NOT NULL
);

-- A program from before asks otherwise whether the database takes orders, and works on.
UPDATE compatibility SET oldest_program = 5;
