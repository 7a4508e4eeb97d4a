-- +goose Up
-- What operators see of the cluster, and what they want of it.

-- A program from before knows nothing of these tables, and works on.
UPDATE compatibility SET oldest_program = 5;

-- Duties: work that one node at a time does. The holder is a registration; its duties are free
-- as soon as the registration is not good any more. Node '' is nobody.
CREATE TABLE duties (
    duty  NVARCHAR(64)  NOT NULL,
    node  NVARCHAR(128) NOT NULL,
    epoch BIGINT        NOT NULL,
    since DATETIME2(6)  NOT NULL,
    CONSTRAINT duties_pk PRIMARY KEY (duty) WITH (ALLOW_PAGE_LOCKS = OFF)
);

-- Figures: what the last pass of a duty found, as JSON, as of a time of the database's clock. Only a later one
-- takes the place of another.
CREATE TABLE figures (
    name    NVARCHAR(64)  NOT NULL,
    as_of   DATETIME2(6)  NOT NULL,
    node    NVARCHAR(128) NOT NULL,
    content NVARCHAR(MAX) NOT NULL,
    CONSTRAINT figures_pk PRIMARY KEY (name) WITH (ALLOW_PAGE_LOCKS = OFF)
);

-- What a node counted in its last closed windows, a minute, as JSON; its heartbeat takes it along when a window closes.
ALTER TABLE nodes ADD measured NVARCHAR(MAX) NULL;

-- What each node counted in a minute, as JSON. A row is never changed; the retention removes it after 25 hours.
CREATE TABLE minutes (
    closed_at DATETIME2(6)  NOT NULL,
    node      NVARCHAR(128) NOT NULL,
    content   NVARCHAR(MAX) NOT NULL,
    CONSTRAINT minutes_pk PRIMARY KEY (closed_at, node) WITH (ALLOW_PAGE_LOCKS = OFF)
);

-- What operators did that is not about one order; that is in the order's history. Rows are only ever added.
CREATE TABLE operations (
    id      BINARY(16)     NOT NULL CONSTRAINT operations_pk PRIMARY KEY,
    at      DATETIME2(6)   NOT NULL,
    actor   NVARCHAR(256)  NOT NULL,
    action  NVARCHAR(64)   NOT NULL,
    subject NVARCHAR(256)  NOT NULL,
    reason  NVARCHAR(1000) NOT NULL,
    details NVARCHAR(MAX)  NOT NULL,
    result  NVARCHAR(MAX)  NOT NULL
);
-- +goose StatementBegin
CREATE TRIGGER operations_append_only ON operations INSTEAD OF UPDATE, DELETE AS
BEGIN
    THROW 51000, 'operations are append-only', 1;
END;
-- +goose StatementEnd

-- What operators want of the cluster until they take it back. Every node reads all of it with each heartbeat. A row
-- with an epoch is for one registration of a node.
CREATE TABLE controls (
    kind   NVARCHAR(16)   NOT NULL,
    name   NVARCHAR(128)  NOT NULL,
    value  NVARCHAR(32)   NOT NULL,
    epoch  BIGINT         NOT NULL,
    actor  NVARCHAR(256)  NOT NULL,
    reason NVARCHAR(1000) NOT NULL,
    set_at DATETIME2(6)   NOT NULL,
    CONSTRAINT controls_pk PRIMARY KEY (kind, name) WITH (ALLOW_PAGE_LOCKS = OFF)
);

-- Alarms: what the watchdog found wrong, who has seen it, and when it was gone. There is one open alarm of a
-- code and subject. Those that were cleared are kept for some months.
CREATE TABLE alarms (
    id              BINARY(16)     NOT NULL CONSTRAINT alarms_pk PRIMARY KEY,
    code            NVARCHAR(64)   COLLATE Latin1_General_BIN2 NOT NULL,
    subject         NVARCHAR(256)  COLLATE Latin1_General_BIN2 NOT NULL,
    what            NVARCHAR(MAX)  NOT NULL,
    raised_at       DATETIME2(6)   NOT NULL,
    acknowledged_at DATETIME2(6)   NULL,
    acknowledged_by NVARCHAR(256)  NOT NULL CONSTRAINT alarms_acknowledged_by DEFAULT '',
    reason          NVARCHAR(1000) NOT NULL CONSTRAINT alarms_reason DEFAULT '',
    cleared_at      DATETIME2(6)   NULL
);
CREATE UNIQUE INDEX alarms_open ON alarms (code, subject) WHERE cleared_at IS NULL;

-- The number of the watchdog's last round, when one last succeeded, and what one leaves to the next.
CREATE TABLE watchdog (
    one          INT           NOT NULL CONSTRAINT watchdog_pk PRIMARY KEY,
    round        BIGINT        NOT NULL,
    succeeded_at DATETIME2(6)  NULL,
    notes        NVARCHAR(MAX) NOT NULL,
    CONSTRAINT watchdog_one CHECK (one = 1)
);
INSERT INTO watchdog (one, round, notes) VALUES (1, 0, '{}');

-- The order that an order is a new try of, and what an operator has asked to become of it, as JSON; NULL for most.
ALTER TABLE orders ADD retry_of NVARCHAR(36) NULL;
ALTER TABLE orders ADD request NVARCHAR(MAX) NULL;
ALTER TABLE orders_next ADD retry_of NVARCHAR(36) NULL;
ALTER TABLE orders_next ADD request NVARCHAR(MAX) NULL;

-- Why orders that have not ended are as they are, by the last survey; its figure is called 'diagnoses'.
CREATE TABLE diagnoses (
    order_id BINARY(16)   NOT NULL,
    reason   NVARCHAR(64) NOT NULL,
    verdict  NVARCHAR(32) NOT NULL,
    since    DATETIME2(6) NULL,
    CONSTRAINT diagnoses_pk PRIMARY KEY (order_id) WITH (ALLOW_PAGE_LOCKS = OFF)
);
CREATE INDEX diagnoses_reason ON diagnoses (reason, order_id) WITH (ALLOW_PAGE_LOCKS = OFF);

-- Jobs: what an operator wants done to many things, and how far it is. id is that of the operation that ordered it.
-- done, skipped and failed count the items that have ended, in the transactions that end them.
CREATE TABLE jobs (
    id         BINARY(16)     NOT NULL CONSTRAINT jobs_pk PRIMARY KEY WITH (ALLOW_PAGE_LOCKS = OFF),
    kind       NVARCHAR(64)   NOT NULL,
    state      NVARCHAR(16)   NOT NULL,
    actor      NVARCHAR(256)  NOT NULL,
    reason     NVARCHAR(1000) NOT NULL,
    about      NVARCHAR(MAX)  NOT NULL,
    filter     NVARCHAR(MAX)  NOT NULL,
    positions  NVARCHAR(MAX)  NOT NULL,
    rate       INT            NOT NULL,
    total      INT            NOT NULL,
    done       INT            NOT NULL,
    skipped    INT            NOT NULL,
    failed     INT            NOT NULL,
    created_at DATETIME2(6)   NOT NULL,
    started_at DATETIME2(6)   NULL,
    ended_at   DATETIME2(6)   NULL,
    ended_by   NVARCHAR(256)  NOT NULL,
    end_reason NVARCHAR(1000) NOT NULL
);
CREATE INDEX jobs_state ON jobs (state) WITH (ALLOW_PAGE_LOCKS = OFF);

-- The frozen selections of jobs: each item as it was seen, and what became of it.
CREATE TABLE job_items (
    job_id   BINARY(16)     NOT NULL,
    seq      INT            NOT NULL,
    subject  NVARCHAR(256)  NOT NULL,
    seen     INT            NOT NULL,
    state    NVARCHAR(16)   NOT NULL,
    note     NVARCHAR(1000) NOT NULL,
    ref      NVARCHAR(64)   NOT NULL,
    ended_at DATETIME2(6)   NULL,
    CONSTRAINT job_items_pk PRIMARY KEY (job_id, seq) WITH (ALLOW_PAGE_LOCKS = OFF)
);

-- Dead letters are listed by the time at which they were parked.
CREATE INDEX dead_letters_parked ON dead_letters (parked_at);
