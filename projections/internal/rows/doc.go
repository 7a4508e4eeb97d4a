// Package rows holds what all rooms of package projections share: the two tables of orders, of which
// one is read and the other is filled by a rebuild, their rows, their checkpoints, and the fold that
// makes rows of events.
//
// What it promises:
//
//   - A row is a function of the order's events (Of). Its steps are stored in the JSON in which they
//     go out to customers. Steps as earlier programs stored them, without empty members, are read too.
//   - A stored value that cannot be read makes its row corrupt (domain.ErrCorrupt) and no other.
//   - A Fold applies each event to the row before it. An order whose row is gone, or at another
//     version, is folded from its stream instead.
//
// Whoever uses it commits rows, counts and checkpoint in one transaction.
package rows
