// Package rebuild makes the orders anew from the log, while they are read and projectors go on.
//
// What it promises:
//
//   - Run fills a second table beside the first from the beginning of the log, compares the two row by
//     row, and changes their names and checkpoints in one transaction. Reads never stop.
//   - Before that transaction the old orders are in place, and after it the new ones. A rebuild that
//     was killed is started again from the beginning by the next.
//   - Of two at a time one is refused (ErrRebuildRunning): whoever rebuilds holds a lock, which nobody
//     takes over while it shows signs of life.
//   - Whoever is in the way of the swap for 5 s, five times in a row, keeps the rebuild from succeeding, and the
//     old orders stay in place. Others do not wait longer behind it.
//   - Its report says what had been wrong: rows that differ are held against their events (package
//     verify), so that what merely lagged is not called wrong.
//
// In what order things happen: lock, clear what an earlier rebuild left, fill, compare, fill again,
// swap, empty the old table, unlock. An order that ends while the log is read is written once, and
// transactions are short, since appends wait for them on SQLite.
package rebuild
