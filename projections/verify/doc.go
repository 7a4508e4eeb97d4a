// Package verify compares the orders with the events that they are made of, while the system runs,
// and changes nothing.
//
// What it promises:
//
//   - Run compares every row with the fold of its events, and every stream with its row. Orders does
//     the same for some orders.
//   - A row that merely lags is not called wrong: a row is held against the fold at the row's own
//     version, and it may be behind as long as the checkpoint is.
//   - The counts of the checkpoints are compared with the rows (Miscounts), and the checkpoints with
//     the heads of the log.
//   - It holds a few hundred rows at a time, and no events.
//
// In what order things are read: the checkpoints, then the rows, then the events. The rows are then
// at least as new as the checkpoints, and the events at least as new as the rows.
package verify
