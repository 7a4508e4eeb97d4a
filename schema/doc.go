// Package schema opens a database and speaks to it: it knows which database a DSN
// means, how the two dialects (SQLite, SQL Server) differ, how a transaction begins
// and ends, and which tables there are.
//
// What it promises:
//
//   - InTx commits all of what its function did, or nothing. A failed commit is an
//     error. A transaction that the database itself rolled back (deadlock, lock
//     time-out, busy file) is repeated a few times with jitter; a failed commit never is.
//   - Read and QueryRowContext ask again, from the beginning, if the database gives a question up. Rows that
//     are handed on as they come (QueryContext) cannot be asked for again.
//   - Look has questions asked that lock nothing and wait for no lock long. On SQLite their answers are of one moment.
//   - On SQLite, which has one writer at a time, the transactions of a process follow each other.
//     ExecUrgent goes before all that wait (package sqlitedb).
//   - Errors of the drivers are translated by number, never by message text, into the
//     kinds of errors.go.
//   - The SQL of the project is written once with numbered placeholders (?1, ?2); what
//     the dialects do differently is in sqlite.go and sqlserver.go of the package that
//     runs it. DDL is in the numbered files of migrations/ and nowhere else.
//   - Times are UTC with microseconds. Leases use the database's clock (Dialect.Now), which on SQLite is
//     one that nobody can set (package sqlitedb).
//
// It does not pool across processes: several processes may open one SQLite file, one
// writes at a time and the others wait (busy time-out 10 s).
package schema
