package schema

import (
	"sync/atomic"
	"time"
)

// counters are behind Stats.
type counters struct {
	statements, transactions, retries atomic.Int64
	waited, open                      atomic.Int64 // nanoseconds
	watch                             atomic.Pointer[func(Stats)]
}

// Stats counts statements and transactions since the database was opened.
type Stats struct {
	Statements   int64 // queries and changes, without BEGIN and COMMIT
	Transactions int64 // writing transactions begun
	RoundTrips   int64 // SQL Server: requests of any kind, BEGIN and COMMIT among them, but for those of log-ins
	Connections  int64 // SQL Server: opened. Each has cost a log-in of some round trips, and a first statement
	// Retries are transactions that were begun again, because the database had given them up or
	// their connection broke, and questions that were asked again, because it had given them up.
	Retries int64
	// Waited is how long transactions have waited to begin: for a connection and, on SQLite, for the
	// writers before them. Open is how long they were open. On SQLite no two are open at once, so the
	// sum over all processes says how busy the one writer is.
	Waited, Open time.Duration
}

// Watch has f told of each statement and each transaction from now on: what it adds to the counts. f is
// called by the goroutine that asks, so that the stack tells f what the cause is. With nil nobody is told.
// It is for measuring.
func (db *DB) Watch(f func(Stats)) {
	if f == nil {
		db.watch.Store(nil)
		return
	}
	db.watch.Store(&f)
}

// statement counts a statement.
func (db *DB) statement() {
	db.statements.Add(1)
	db.tell(Stats{Statements: 1, RoundTrips: 1})
}

// transaction counts a transaction, which takes so many round trips besides its statements.
func (db *DB) transaction(trips int64) {
	db.transactions.Add(1)
	db.tell(Stats{Transactions: 1, RoundTrips: trips})
}

func (db *DB) tell(added Stats) {
	if f := db.watch.Load(); f != nil {
		if !db.dialect.RoundTrips() {
			added.RoundTrips = 0
		}
		(*f)(added)
	}
}

// Retried counts a transaction that a caller of InTx begins again.
func (db *DB) Retried() { db.retries.Add(1) }

// Stats gives the counts so far.
func (db *DB) Stats() Stats {
	s := Stats{
		Statements: db.statements.Load(), Transactions: db.transactions.Load(), Retries: db.retries.Load(),
		Waited: time.Duration(db.waited.Load()), Open: time.Duration(db.open.Load()),
	}
	if db.traffic != nil {
		s.RoundTrips, s.Connections = db.traffic.trips.Load(), db.traffic.opened.Load()
	}
	return s
}
