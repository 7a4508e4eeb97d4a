-- +goose Up
-- The clock of leases, shared by all processes of the machine (docs/decisions/0010): the
-- time is anchor + the microseconds since the machine was started, for the boot it names.
-- The first process that opens the file after a start of the machine writes the row.
CREATE TABLE lease_clock (
    one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    boot   TEXT    NOT NULL,
    anchor INTEGER NOT NULL
);
