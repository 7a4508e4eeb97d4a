// Package check proves, from the event store alone, that every order was dealt with by
// the rules. It trusts nothing that the rest of the system says of itself:
//
//   - Tables, indexes and triggers are what the migrations made.
//   - Positions of every partition count from 1 to its head without holes, and every event
//     lies in the partition of its order.
//   - Versions of every stream count from 1 without holes; times do not run backwards.
//   - Every event's hash covers its predecessor's and its own stored bytes.
//   - Every history is one that package domain would have decided, and obeys the rules
//     written down a second time in rules.go: no two attempts open at once, attempts that
//     rise, steps in their order, every order that failed or was cancelled rolled back whole and in
//     reverse, no step begun after a request to cancel, nothing after the end.
//   - Every accepted order has ended or is on its way: a message about its last event is
//     waiting, in flight, or in the dead letters.
//   - Every reserved key names an order that is in the log, with its content and time; every order
//     holds the reservations of its keys, and no other. Idempotency keys of orders from before the
//     second form of OrderPlaced are in no event: they are counted (Report.KeysUnproven).
//   - No checkpoint, offset or message names a place beyond the head of its partition.
//   - The views say what the events say (through Config.Views).
//
// It may run beside a working system. An order that moves on while it is looked at is
// looked at again.
package check
