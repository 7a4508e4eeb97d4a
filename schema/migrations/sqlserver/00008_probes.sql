-- +goose Up
-- What a node writes, reads back and removes when it is asked whether the database takes
-- orders: a row of an order's size. Between two questions the table is empty.
CREATE TABLE probes (
    node       NVARCHAR(128)  NOT NULL,
    content    VARBINARY(MAX) NOT NULL,
    written_at DATETIME2(6)   NOT NULL,
    CONSTRAINT probes_pk PRIMARY KEY (node) WITH (ALLOW_PAGE_LOCKS = OFF)
);

-- A program from before asks otherwise whether the database takes orders, and works on.
UPDATE compatibility SET oldest_program = 5;
