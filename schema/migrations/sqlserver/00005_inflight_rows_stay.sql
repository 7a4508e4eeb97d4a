-- +goose Up
-- The row of a message in flight stays where it is while its lease is passed on from one
-- message of an order to the next (docs/decisions/0014). first_topic and first_position are those
-- of the message for which the row was made; topic and position those of the present one.
-- The defaults are for nodes of the version before, which may still run beside newer ones and
-- know nothing of these columns: their rows get keys of their own.
-- The table is changed where it is, since rights to it go with the table.
ALTER TABLE inflight ADD first_topic NVARCHAR(128) NOT NULL CONSTRAINT inflight_first_topic DEFAULT N'';
ALTER TABLE inflight ADD first_position BIGINT NOT NULL CONSTRAINT inflight_first_position DEFAULT CONVERT(BIGINT, CONVERT(BINARY(8), NEWID()));
UPDATE inflight SET first_topic = topic, first_position = position;
ALTER TABLE inflight DROP CONSTRAINT inflight_pk;
ALTER TABLE inflight ADD CONSTRAINT inflight_pk PRIMARY KEY (consumer_group, first_topic, partition, first_position);
