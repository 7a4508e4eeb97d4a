-- What the run-time and the reading role may do, table by table. Run it in the database
-- after every migration, as the migration login or the owner of the database:
--
--     sqlcmd -S HOST -d orderflow -U orderflow_migration -b -I -i grants.sql
--
-- It may be run again. A test holds it against the migrations (every table is here)
-- and against the statements in the code (every statement is allowed, nothing more).

-- Nodes, `migrate --status` and `check` look whether the triggers are there, and as they were made.
GRANT VIEW DEFINITION ON SCHEMA::dbo TO orderflow_runtime_role;
GRANT VIEW DEFINITION ON SCHEMA::dbo TO orderflow_reader_role;

-- Events and the keys that name orders are only ever added: nobody here may change or
-- remove one, and triggers refuse it to everybody.
GRANT SELECT, INSERT ON dbo.events TO orderflow_runtime_role;
GRANT SELECT, INSERT ON dbo.reservations TO orderflow_runtime_role;
-- An append moves the head of its partition. Rows are made by migrations.
GRANT SELECT, UPDATE ON dbo.heads TO orderflow_runtime_role;

-- Messages are written, read, and removed by the retention; never changed.
GRANT SELECT, INSERT, DELETE ON dbo.outbox TO orderflow_runtime_role;
-- Offsets are made when a consumer group first meets a topic, and then moved.
GRANT SELECT, INSERT, UPDATE ON dbo.consumer_offsets TO orderflow_runtime_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.inflight TO orderflow_runtime_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.nodes TO orderflow_runtime_role;
-- Workers park what cannot be done; operators requeue or discard it, as the same login.
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.dead_letters TO orderflow_runtime_role;

-- A rebuild exchanges the names of these two tables, and rights stay with the table and
-- not with the name: both need the same.
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.orders TO orderflow_runtime_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.orders_next TO orderflow_runtime_role;
GRANT SELECT, INSERT, UPDATE ON dbo.checkpoints TO orderflow_runtime_role;

-- What operators did is only ever added, and a trigger refuses to change it. What they want of the cluster, they
-- take back.
GRANT SELECT, INSERT ON dbo.operations TO orderflow_runtime_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.controls TO orderflow_runtime_role;
-- Jobs are ordered, worked off item by item, and removed when they have ended long ago.
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.jobs TO orderflow_runtime_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.job_items TO orderflow_runtime_role;

-- A node that is asked for its health writes a row, reads it back and removes it.
GRANT SELECT, INSERT, DELETE ON dbo.probes TO orderflow_runtime_role;

-- A node takes a duty that nobody has, and writes the figures that its pass found.
GRANT SELECT, INSERT, UPDATE ON dbo.duties TO orderflow_runtime_role;
GRANT SELECT, INSERT, UPDATE ON dbo.figures TO orderflow_runtime_role;
-- Nodes write what they counted in a minute, and the retention removes it.
GRANT SELECT, INSERT, DELETE ON dbo.minutes TO orderflow_runtime_role;
-- The list of diagnoses is what the last survey found.
GRANT SELECT, INSERT, DELETE ON dbo.diagnoses TO orderflow_runtime_role;

-- The watchdog raises alarms and clears them, and removes old ones. Its row is made by a migration.
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.alarms TO orderflow_runtime_role;
GRANT SELECT, UPDATE ON dbo.watchdog TO orderflow_runtime_role;

-- Nodes raise the level of the events that are written, when all of them read it. The row is made
-- by a migration.
GRANT SELECT, UPDATE ON dbo.compatibility TO orderflow_runtime_role;
-- The list of migrations, to refuse to start on an older schema.
GRANT SELECT ON dbo.goose_db_version TO orderflow_runtime_role;

GRANT SELECT ON dbo.events TO orderflow_reader_role;
GRANT SELECT ON dbo.reservations TO orderflow_reader_role;
GRANT SELECT ON dbo.heads TO orderflow_reader_role;
GRANT SELECT ON dbo.outbox TO orderflow_reader_role;
GRANT SELECT ON dbo.consumer_offsets TO orderflow_reader_role;
GRANT SELECT ON dbo.inflight TO orderflow_reader_role;
GRANT SELECT ON dbo.nodes TO orderflow_reader_role;
GRANT SELECT ON dbo.dead_letters TO orderflow_reader_role;
GRANT SELECT ON dbo.orders TO orderflow_reader_role;
GRANT SELECT ON dbo.orders_next TO orderflow_reader_role;
GRANT SELECT ON dbo.checkpoints TO orderflow_reader_role;
GRANT SELECT ON dbo.probes TO orderflow_reader_role;
GRANT SELECT ON dbo.duties TO orderflow_reader_role;
GRANT SELECT ON dbo.figures TO orderflow_reader_role;
GRANT SELECT ON dbo.minutes TO orderflow_reader_role;
GRANT SELECT ON dbo.diagnoses TO orderflow_reader_role;
GRANT SELECT ON dbo.operations TO orderflow_reader_role;
GRANT SELECT ON dbo.controls TO orderflow_reader_role;
GRANT SELECT ON dbo.jobs TO orderflow_reader_role;
GRANT SELECT ON dbo.job_items TO orderflow_reader_role;
GRANT SELECT ON dbo.alarms TO orderflow_reader_role;
GRANT SELECT ON dbo.watchdog TO orderflow_reader_role;
GRANT SELECT ON dbo.compatibility TO orderflow_reader_role;
GRANT SELECT ON dbo.goose_db_version TO orderflow_reader_role;
