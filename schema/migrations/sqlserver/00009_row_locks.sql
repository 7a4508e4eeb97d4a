-- +goose Up
-- The hot tables are locked by rows, never by pages: READPAST passes over a row that is locked, and
-- waits for a page (docs/decisions/0034). The tables are changed where they are, since rights to them go
-- with them, in the order in which nodes lock them. Nodes that run meanwhile wait until the commit, which
-- takes as long as a few small tables do. So this waits for nobody long: where a transaction that has fallen
-- silent holds one of the tables, it fails and is tried again.
SET LOCK_TIMEOUT 2000;
ALTER TABLE inflight DROP CONSTRAINT inflight_pk;
DROP INDEX inflight_node ON inflight;
ALTER TABLE inflight ADD CONSTRAINT inflight_pk PRIMARY KEY (consumer_group, first_topic, partition, first_position) WITH (ALLOW_PAGE_LOCKS = OFF);
CREATE INDEX inflight_node ON inflight (node, epoch) WITH (ALLOW_PAGE_LOCKS = OFF);
ALTER TABLE nodes DROP CONSTRAINT nodes_pk;
ALTER TABLE nodes ADD CONSTRAINT nodes_pk PRIMARY KEY (node, epoch) WITH (ALLOW_PAGE_LOCKS = OFF);
ALTER TABLE consumer_offsets DROP CONSTRAINT consumer_offsets_pk;
ALTER TABLE consumer_offsets ADD CONSTRAINT consumer_offsets_pk PRIMARY KEY (consumer_group, topic, partition) WITH (ALLOW_PAGE_LOCKS = OFF);
ALTER TABLE heads DROP CONSTRAINT heads_pk;
ALTER TABLE heads ADD CONSTRAINT heads_pk PRIMARY KEY (partition) WITH (ALLOW_PAGE_LOCKS = OFF);
ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pk;
ALTER TABLE checkpoints ADD CONSTRAINT checkpoints_pk PRIMARY KEY (projection, partition) WITH (ALLOW_PAGE_LOCKS = OFF);

-- The outbox may hold millions of rows, and to drop and add its key would sort and log them all while
-- every node waits. SQL Server changes the option where it is, which rewrites nothing. Babelfish
-- refuses ALTER INDEX; it has no large outbox and no locks of pages.
-- +goose StatementBegin
IF CHARINDEX('Babelfish', @@VERSION) = 0
    EXEC (N'ALTER INDEX outbox_pk ON outbox SET (ALLOW_PAGE_LOCKS = OFF)');
ELSE
BEGIN
    ALTER TABLE outbox DROP CONSTRAINT outbox_pk;
    ALTER TABLE outbox ADD CONSTRAINT outbox_pk PRIMARY KEY (topic, partition, position) WITH (ALLOW_PAGE_LOCKS = OFF);
END;
-- +goose StatementEnd

-- A program from before reads and writes these tables as ever.
UPDATE compatibility SET oldest_program = 5;
SET LOCK_TIMEOUT -1;
