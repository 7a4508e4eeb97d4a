// Package projections answers what is asked about orders: one by one, in lists, and how many there are
// of each status. It reads the table orders, which its rooms keep: tail keeps it up with the log of the
// event store, rebuild makes it anew from the log, verify compares it with the events. What they share
// (tables, rows, checkpoints, the fold) is in internal/rows.
//
// What it promises:
//
//   - The view of an order is the fold of its events, nothing else.
//   - Views.Get never answers with less than what has been appended when it is called:
//     a view that lags is answered from the order's stream.
//   - Views.List and Views.Counts (and with them the metrics) lag behind the log by the
//     projector's linger and one round: 50 ms while there is little to do, up to 200 ms
//     under load (see tail.Config), up to a second for events that another process
//     appended and no projector there applies, and up to two after a projector that applied them
//     has died.
//   - A page is served by one index, in the order of that index, and a cursor stays good
//     whatever is added. It ends early where its details would exceed 8 MiB.
//   - A row that cannot be read is answered from the order's stream, and keeps nothing else
//     from being read.
//   - The JSON of an order has every member, null where there is nothing to say. Detail and steps are
//     stored as they go out, and are copied.
//
// What it does not promise: reading does not notice that somebody has altered a row. Package verify finds
// such a row, and rebuild mends it.
package projections
