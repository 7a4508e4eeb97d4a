// Package eventstore keeps what happened to every order: an append-only log of
// events in SQLite or SQL Server.
//
// What it promises:
//
//   - An append is atomic: its events, the messages they cause, the keys it reserves
//     and the settlement of the lease it was made under are committed together, or
//     none of them is.
//   - An append names the version it was decided on. If the stream has moved on, it
//     fails with domain.ErrConflict; if its lease is no longer held, with
//     domain.ErrFenced. Versions of a stream count from 1 without holes.
//   - Every event has a position in a partition of the log (partition = hash of the
//     order id). Positions count from 1 without holes and become visible in order, so a
//     reader that remembers the last position it saw never misses an event and never
//     sees one twice. They come from one row per partition (table heads), whose lock an
//     append holds to its commit; no clock and no time-out is involved.
//   - Every event carries a SHA-256 over its predecessor in the same stream and its own
//     stored bytes (see Hash). Events are never updated or deleted; triggers refuse it.
//   - Appends to a partition that arrive until a transaction begins share it (group commit). One that
//     fails does so alone.
//   - What an append is told rests on a transaction that was committed, or on what others had
//     committed: never on a try that was rolled back, nor on what the store remembers.
//   - The store remembers streams and the end of its log. An append on what it remembers commits only if
//     that is still in the log. If it is not, as after a restore of a backup, the store forgets all of
//     it and says so (OnOtherHistory).
//   - If the answer to a COMMIT is lost, the store looks for the events before it
//     answers, so that an append is neither lost nor done twice.
//   - On SQL Server an append that has nothing to read is sent whole, from BEGIN to COMMIT: a process that falls
//     silent in the middle of it holds no lock.
//
// In a transaction, rows are locked in this order: in-flight rows, heads, reservations.
//
// An append goes from the lane of its partition, where it queues (lane.go), to a group (group.go), to
// one transaction of that group (commit.go, or sent whole: whole.go), and to its statements (rows.go). What is done
// when an answer was lost is in lost.go, what the store remembers in memory.go, and how the log is read in read.go.
//
// It does not interpret events; package domain decides what they mean.
package eventstore
