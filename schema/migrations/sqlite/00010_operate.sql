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

-- What a node counted in its last closed windows, a minute, as JSON; its heartbeat takes it along when a window closes.
ALTER TABLE nodes ADD COLUMN measured TEXT;

-- What each node counted in a minute, as JSON. A row is never changed; the retention removes it after 25 hours.
CREATE TABLE minutes (
    closed_at TEXT NOT NULL,
    node      TEXT NOT NULL,
    content   TEXT NOT NULL CHECK (json_valid(content)),
    PRIMARY KEY (closed_at, node)
) WITHOUT ROWID;

-- What operators did that is not about one order; that is in the order's history. Rows are only ever added.
CREATE TABLE operations (
    id      BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at      TEXT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason  TEXT NOT NULL,
    details TEXT NOT NULL CHECK (json_valid(details)),
    result  TEXT NOT NULL
) WITHOUT ROWID;
-- +goose StatementBegin
CREATE TRIGGER operations_no_replace BEFORE INSERT ON operations
WHEN EXISTS (SELECT 1 FROM operations WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'operations are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER operations_no_update BEFORE UPDATE ON operations
BEGIN
    SELECT RAISE(ABORT, 'operations are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER operations_no_delete BEFORE DELETE ON operations
BEGIN
    SELECT RAISE(ABORT, 'operations are append-only');
END;
-- +goose StatementEnd

-- What operators want of the cluster until they take it back. Every node reads all of it with each heartbeat. A row
-- with an epoch is for one registration of a node.
CREATE TABLE controls (
    kind   TEXT    NOT NULL,
    name   TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    epoch  INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    set_at TEXT    NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Alarms: what the watchdog found wrong, who has seen it, and when it was gone. There is one open alarm of a
-- code and subject. Those that were cleared are kept for some months.
CREATE TABLE alarms (
    id              BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    code            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    what            TEXT NOT NULL,
    raised_at       TEXT NOT NULL,
    acknowledged_at TEXT,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    reason          TEXT NOT NULL DEFAULT '',
    cleared_at      TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX alarms_open ON alarms (code, subject) WHERE cleared_at IS NULL;

-- The number of the watchdog's last round, when one last succeeded, and what one leaves to the next.
CREATE TABLE watchdog (
    one          INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    round        INTEGER NOT NULL,
    succeeded_at TEXT,
    notes        TEXT    NOT NULL CHECK (json_valid(notes))
);
INSERT INTO watchdog (one, round, notes) VALUES (1, 0, '{}');

-- The order that an order is a new try of, and what an operator has asked to become of it, as JSON; NULL for most.
ALTER TABLE orders ADD COLUMN retry_of TEXT;
ALTER TABLE orders ADD COLUMN request TEXT;
ALTER TABLE orders_next ADD COLUMN retry_of TEXT;
ALTER TABLE orders_next ADD COLUMN request TEXT;

-- Why orders that have not ended are as they are, by the last survey; its figure is called 'diagnoses'.
CREATE TABLE diagnoses (
    order_id BLOB NOT NULL PRIMARY KEY CHECK (length(order_id) = 16),
    reason   TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    since    TEXT
) WITHOUT ROWID;
CREATE INDEX diagnoses_reason ON diagnoses (reason, order_id);

-- Jobs: what an operator wants done to many things, and how far it is. id is that of the operation that ordered it.
-- done, skipped and failed count the items that have ended, in the transactions that end them.
CREATE TABLE jobs (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    about      TEXT    NOT NULL CHECK (json_valid(about)),
    filter     TEXT    NOT NULL CHECK (json_valid(filter)),
    positions  TEXT    NOT NULL CHECK (json_valid(positions)),
    rate       INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    skipped    INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    created_at TEXT    NOT NULL,
    started_at TEXT,
    ended_at   TEXT,
    ended_by   TEXT    NOT NULL,
    end_reason TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX jobs_state ON jobs (state);

-- The frozen selections of jobs: each item as it was seen, and what became of it.
CREATE TABLE job_items (
    job_id   BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    subject  TEXT    NOT NULL,
    seen     INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    note     TEXT    NOT NULL,
    ref      TEXT    NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (job_id, seq)
) WITHOUT ROWID;

-- Dead letters are listed by the time at which they were parked.
CREATE INDEX dead_letters_parked ON dead_letters (parked_at);
