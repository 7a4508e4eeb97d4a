-- Creates the logins, users and roles. Run it after database.sql, as a login that may
-- create logins and owns the database (sysadmin). The passwords are sqlcmd variables,
-- which sqlcmd also takes from the environment; give them without quotation marks in
-- them, and without characters that a URL would need encoded (letters, digits, - . _ ~):
--
--     ORDERFLOW_MIGRATION_PASSWORD=... ORDERFLOW_RUNTIME_PASSWORD=... ORDERFLOW_READER_PASSWORD=... \
--         sqlcmd -S HOST -U ADMIN -b -I -i principals.sql
--
-- It may be run again, and then sets the passwords anew.
--
--   orderflow_migration  creates and changes tables, rebuilds the views, hands out rights
--   orderflow_runtime    what nodes run as: the rows they work on and nothing else
--   orderflow_reader     looks and changes nothing: orderflow check, projections verify, lists
USE master;
GO
IF SUSER_ID(N'orderflow_migration') IS NULL
    CREATE LOGIN orderflow_migration WITH PASSWORD = N'$(ORDERFLOW_MIGRATION_PASSWORD)', DEFAULT_DATABASE = orderflow, CHECK_POLICY = ON;
ELSE
    ALTER LOGIN orderflow_migration WITH PASSWORD = N'$(ORDERFLOW_MIGRATION_PASSWORD)';
IF SUSER_ID(N'orderflow_runtime') IS NULL
    CREATE LOGIN orderflow_runtime WITH PASSWORD = N'$(ORDERFLOW_RUNTIME_PASSWORD)', DEFAULT_DATABASE = orderflow, CHECK_POLICY = ON;
ELSE
    ALTER LOGIN orderflow_runtime WITH PASSWORD = N'$(ORDERFLOW_RUNTIME_PASSWORD)';
IF SUSER_ID(N'orderflow_reader') IS NULL
    CREATE LOGIN orderflow_reader WITH PASSWORD = N'$(ORDERFLOW_READER_PASSWORD)', DEFAULT_DATABASE = orderflow, CHECK_POLICY = ON;
ELSE
    ALTER LOGIN orderflow_reader WITH PASSWORD = N'$(ORDERFLOW_READER_PASSWORD)';
GO

USE orderflow;
GO
-- Unqualified names are looked up in the default schema, so all three have dbo.
IF DATABASE_PRINCIPAL_ID(N'orderflow_migration') IS NULL
    CREATE USER orderflow_migration FOR LOGIN orderflow_migration WITH DEFAULT_SCHEMA = dbo;
IF DATABASE_PRINCIPAL_ID(N'orderflow_runtime') IS NULL
    CREATE USER orderflow_runtime FOR LOGIN orderflow_runtime WITH DEFAULT_SCHEMA = dbo;
IF DATABASE_PRINCIPAL_ID(N'orderflow_reader') IS NULL
    CREATE USER orderflow_reader FOR LOGIN orderflow_reader WITH DEFAULT_SCHEMA = dbo;
IF DATABASE_PRINCIPAL_ID(N'orderflow_runtime_role') IS NULL
    CREATE ROLE orderflow_runtime_role;
IF DATABASE_PRINCIPAL_ID(N'orderflow_reader_role') IS NULL
    CREATE ROLE orderflow_reader_role;
GO
ALTER ROLE orderflow_runtime_role ADD MEMBER orderflow_runtime;
ALTER ROLE orderflow_reader_role ADD MEMBER orderflow_reader;
-- A role can only be seen, and so be granted something, by its members and by those who
-- administer roles. What the roles may do, the migration login may do anyway.
ALTER ROLE orderflow_runtime_role ADD MEMBER orderflow_migration;
ALTER ROLE orderflow_reader_role ADD MEMBER orderflow_migration;
GO
-- CREATE TABLE is a right of the database; where the tables go, and everything about
-- them (indexes, triggers, renames, rights), is CONTROL of the schema. It is no right to
-- add users, change the database or read other databases.
GRANT CREATE TABLE TO orderflow_migration;
GRANT CONTROL ON SCHEMA::dbo TO orderflow_migration;
GO
