// Package sqlitedb is one process's way to a SQLite file that other processes have open too. It knows
// nothing of the program's tables, but for those of the lease clock, and nothing of other databases.
//
// What it promises:
//
//   - One connection writes (SQLite has one writer at a time, and waiting in this process is fairer and
//     cheaper than waiting for the file), and several read beside it. Transactions of the process follow
//     each other in the order of their turns (queue.go). A heartbeat waits for one transaction at most.
//   - A commit is on the disk when Commit returns (WAL, synchronous=FULL).
//   - If the path names another file than the one that was opened, or none, or if that happens to the
//     write-ahead log, no transaction begins, and none is said to be committed: ReplacedError.
//   - When SQLite rolls a transaction back under its user, every later statement of it is refused, and
//     so is its commit: ErrEnded.
//   - A context ends a statement before it begins, and never while it runs.
//   - The lease clock is the machine's time since its start, which nobody can set, from an anchor in the
//     file. Where there is no CLOCK_BOOTTIME it is the wall clock (clock.go, clock_join.go).
//   - The write-ahead log stays short, also beside a reader that stays for long (wal.go).
//
// Errors are the driver's own, those of the file system, and the types that are declared here; package
// schema knows their kinds.
package sqlitedb
