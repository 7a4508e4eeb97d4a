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
