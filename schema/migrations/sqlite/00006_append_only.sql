-- +goose Up
-- INSERT OR REPLACE removes the row in whose place it puts another, and asks no delete trigger. An
-- insert trigger it does ask, before the place is made free: these refuse a place of the log, a
-- version of an order, and a key that is taken. The program's own inserts meet them before the
-- unique keys, so they must answer as those do: the insert into heads, whose partition -1 there
-- always is, fails as a duplicate key. Under OR REPLACE and OR IGNORE it does not fail, and RAISE
-- refuses (docs/decisions/0019).
-- +goose StatementBegin
CREATE TRIGGER events_no_replace BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE partition = NEW.partition AND position = NEW.position)
    OR EXISTS (SELECT 1 FROM events WHERE stream_id = NEW.stream_id AND version = NEW.version)
BEGIN
    INSERT INTO heads (partition, head) VALUES (-1, 0);
    SELECT RAISE(ABORT, 'events are append-only');
END;
-- +goose StatementEnd

-- Keys name one order for ever, as events do.
-- +goose StatementBegin
CREATE TRIGGER reservations_no_replace BEFORE INSERT ON reservations
WHEN EXISTS (SELECT 1 FROM reservations WHERE key_hash = NEW.key_hash)
BEGIN
    INSERT INTO heads (partition, head) VALUES (-1, 0);
    SELECT RAISE(ABORT, 'reservations are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER reservations_no_update BEFORE UPDATE ON reservations
BEGIN
    SELECT RAISE(ABORT, 'reservations are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER reservations_no_delete BEFORE DELETE ON reservations
BEGIN
    SELECT RAISE(ABORT, 'reservations are append-only');
END;
-- +goose StatementEnd
