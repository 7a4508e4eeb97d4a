-- +goose Up
-- What operators see of the cluster, and what they want of it.

-- A program from before knows nothing of these tables, and works on.
UPDATE compatibility SET oldest_program = 5;

-- Duties: work that one node at a time does. The holder is a registration; its duties are free
-- as soon as the registration is not good any more. Node '' is nobody.
CREATE TABLE duties (
    duty  TEXT    NOT NULL PRIMARY KEY,
    node  TEXT    NOT NULL,
    epoch INTEGER NOT NULL,
    since TEXT    NOT NULL
) WITHOUT ROWID;

-- Figures: what the last pass of a duty found, as JSON, as of a time of the database's clock. Only a later one
-- takes the place of another.
CREATE TABLE figures (
    name    TEXT NOT NULL PRIMARY KEY,
    as_of   TEXT NOT NULL,
    node    TEXT NOT NULL,
    content TEXT NOT NULL CHECK (json_valid(content))
) WITHOUT ROWID;
