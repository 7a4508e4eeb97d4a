// Package schematest opens fresh databases for tests: SQLite always, SQL Server
// where ORDERFLOW_TEST_SQLSERVER holds a DSN.
package schematest
