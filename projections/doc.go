// Package projections keeps the views that are read: the orders, one by one and in
// lists, and how many there are of each status. It tails the log of the event store
// and can make every view anew from it.
//
// What it promises:
//
//   - The view of an order is the fold of its events, nothing else. A batch of events
//     is committed together with the checkpoint that says it has been applied, by
//     compare and swap on the checkpoint's row: whichever projectors run in whichever
//     processes, no event is applied twice and none is left out. The swap looks for the events at
//     both ends of the batch by their hashes, so that events that are not in the log any more, as after
//     a restore of a backup, are not applied.
//   - Views.Get never answers with less than what has been appended when it is called:
//     a view that lags is answered from the order's stream.
//   - Views.List and Views.Counts (and with them the metrics) lag behind the log by the
//     projector's linger and one pass: 50 ms while there is little to do, up to 200 ms
//     under load (see Options), and up to a second for events that another process
//     appended and no projector there applies.
//   - A page is served by one index, in the order of that index, and a cursor stays good
//     whatever is added. It ends early where its details would exceed 8 MiB.
//   - Rebuild fills a second table beside the first from the beginning of the log,
//     compares the two row by row and changes their names in one transaction. Reads
//     and the projector go on all the while. A rebuild that was killed is started
//     again from the beginning by the next; of two at a time one is refused.
//   - Verify compares every row with the fold of its events, while the system runs,
//     and calls no row wrong that merely lags.
//
// What it does not: a row altered behind its back is found by Verify and mended by
// Rebuild, not by reading it. The projector mends only what stops it (a row that is
// gone, or has the wrong version) by folding that order's stream.
//
// In what order things happen: a projector that is woken by an append lingers, so that an
// order of a few milliseconds is written once, when it has ended, and its own commits do
// not wait for that. It reads the heads of the log, then its checkpoints, then the events
// between them, and the rows of the orders they touch; folds; and then in one short
// transaction moves the checkpoint and writes one row for each order touched, while the
// events after them are read. If the checkpoint is not where it was, nothing is written.
package projections
