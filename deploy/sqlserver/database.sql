-- Creates the database and sets what the program relies on or gains from. Run it on the
-- server as a login that may create databases (sysadmin or dbcreator):
--
--     sqlcmd -S HOST -U ADMIN -b -I -i database.sql
--
-- It may be run again: what is as it should be is left alone. Not for Azure SQL Database,
-- where the portal creates the database and these are the defaults.
IF DB_ID(N'orderflow') IS NULL
    CREATE DATABASE orderflow;
GO

-- Readers see the last committed rows instead of waiting for writers. The change needs
-- the database alone, so it ends all other sessions in it; nodes that run reconnect.
IF EXISTS (SELECT 1 FROM sys.databases WHERE name = N'orderflow' AND is_read_committed_snapshot_on = 0)
    ALTER DATABASE orderflow SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE;
GO

-- Customers are told that an order has been placed when its COMMIT returns. It must be
-- on disk by then, so delayed durability must not be forced.
ALTER DATABASE orderflow SET DELAYED_DURABILITY = DISABLED;
-- Backups of the log, and with them a restore to any moment, need the full recovery
-- model. Without log backups the log grows until the disk is full: set them up now.
ALTER DATABASE orderflow SET RECOVERY FULL;
ALTER DATABASE orderflow SET PAGE_VERIFY CHECKSUM;
ALTER DATABASE orderflow SET AUTO_CLOSE OFF;
ALTER DATABASE orderflow SET AUTO_SHRINK OFF;
-- Plans and waits by query, to see what changed when something is slow.
ALTER DATABASE orderflow SET QUERY_STORE = ON (OPERATION_MODE = READ_WRITE, QUERY_CAPTURE_MODE = AUTO);
GO
