package crashpoint

import "slices"

// Each point by name, in the order in which an order comes by them. In a transaction that is sent whole (SQL Server)
// append.commit comes before anything is sent, and append.settled and projection.written do not come.
var names = []string{
	"append.begin",         // a group of appends has its transaction
	"append.settled",       // its leases have been settled
	"append.commit",        // all is written; COMMIT is next
	"append.committed",     // nobody has been told yet
	"start.committed",      // a new order and its first step's start, on the node that took it
	"claim.begin",          // messages have been seen
	"claim.moved",          // they are in flight, within the transaction
	"claim.committed",      // nothing has been delivered yet
	"takeover.declared",    // a node has been declared lost, within the transaction
	"takeover.moved",       // a message is this node's, within the transaction
	"takeover.committed",   // it has not been delivered yet
	"step.opened",          // the attempt is in the log, its work has not begun
	"step.worked",          // its work is done, and not in the log
	"rollback.compensated", // a step is compensated, and not in the log
	"rollback.recorded",    // it is, and the next has not begun
	"heartbeat.begin",
	"heartbeat.done",
	"projection.written", // rows and checkpoint, within the transaction
	"projection.committed",
	"drain.begin",     // the cluster has been told
	"drain.done",      // nothing runs any more, and the node is still registered
	"release.stopped", // the work has ended, the leases have not
	"release.done",
}

// Names lists every point.
func Names() []string { return slices.Clone(names) }
