// Package diagnosis says why an order does not move, or that it does.
//
// Diagnose is a pure function: facts in, an answer out. It asks no clock and no database. Ask reads the facts of an
// order from a Source, and looks again where the order moved on meanwhile.
//
// What it promises:
//
//   - An answer has one reason of a closed list (Reasons), which is the first that is true in the order of the list:
//     what is wrong with the order comes before what the cluster lacks, and that before what the order waits for. The
//     other reasons that are true are named after it.
//   - It claims nothing that the facts do not say. What could not be read is in the answer. If a reason that comes
//     first in the list may be true, and what would tell could not be read, the reason is NotRead.
//   - It never says that an order progresses which nobody works on, or which nobody is about to work on.
//   - A message is missing only if two looks in a row, at the same version of the order, found it nowhere.
//   - A Survey tells of all open orders by the same rules, from what lists and messages say. It reads few streams: those
//     of orders of which the two leave a doubt. So it does not look for ChainBroken and IllegalHistory, and it does not
//     claim that there is none.
//   - The commands that it names are those of the program of today.
//
// What it does not promise: to know what an executor is doing. A step that a live node has in hand runs, however long.
package diagnosis
