-- +goose Up
-- Keys name one order for ever, as events do. (T-SQL has no INSERT OR REPLACE.)
-- +goose StatementBegin
CREATE TRIGGER reservations_append_only ON reservations INSTEAD OF UPDATE, DELETE AS
BEGIN
    THROW 51000, 'reservations are append-only', 1;
END;
-- +goose StatementEnd
