// Package tail keeps the orders up with the log: its Projector reads the events after a checkpoint,
// folds them and writes the rows that they change.
//
// What it promises:
//
//   - Rows are committed together with the checkpoint that says which events they show, by compare
//     and swap on the checkpoint's row: whichever projectors run in whichever processes, no event is
//     applied twice and none is left out. The swap looks for the events at both ends of the batch by
//     their hashes, so that events that are not in the log any more, as after a restore of a backup,
//     are not applied.
//   - No row shows half of what one decision recorded.
//   - A row that stops a projector, because it is gone or at the wrong version, is mended from the
//     order's stream, and OnError is told. What else is wrong with rows is for package verify.
//   - In front of an event that is newer than this program, and of counts that cannot be read, it stops
//     in that partition and says so (Stopped). Others go on.
//   - Partitions do not wait for each other. Where another transaction holds the checkpoint, or a row to
//     change, the projector waits for a quarter of a second, passes the partition over for a while, and tries
//     it again after all others; OnError is told once if that goes on for 10 s. A batch that takes longer than
//     15 s is given up, and one whose rows cannot be read within 2 s: the partition is passed over for as long, and
//     the next try takes half as many events. A look that waits for the end of the log for longer than 2 s is given
//     up, too.
//   - Of several projectors one does the work of a partition: the one that moved its checkpoint last. Another
//     one applies what its own process has appended if nobody else has moved the checkpoint for 400 ms, and
//     anything if it has lain for a Poll. This spares work, and nothing else rests on it.
//
// In what order things happen: a projector that is woken by an append lingers, so that an
// order of a few milliseconds is written once, when it has ended, and its own commits do
// not wait for that. Then it does a round: it reads the heads of the log and its checkpoints, in one statement,
// unless it was told of all that there is to do and has met no other projector lately; then the events between
// them, and the rows of the orders they touch; folds; and then in one short
// transaction moves the checkpoint and writes one row for each order touched, while the
// events after them are read. If the checkpoint is not where it was, nothing is written.
package tail
