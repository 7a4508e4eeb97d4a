package work

import (
	"context"
	"fmt"
	"time"
)

// Registration is the key of one row in the register of nodes. A node that comes back registers
// again, with the next epoch.
type Registration struct {
	Node  string
	Epoch int64
}

// Tenure is the time during which a node trusts the leases of one registration.
type Tenure struct {
	Registration
	Context context.Context // ends with that time; see Lease
}

// The states of a node.
const (
	NodeActive   = "active"
	NodeCordoned = "cordoned" // it begins no work, and stays
	NodeDraining = "draining"
	NodeStopped  = "stopped"
	NodeLost     = "lost" // its registration expired and another node took its work
	// NodeUnregistered is the state that a node reports while it has no trusted registration. It is
	// never stored.
	NodeUnregistered = "unregistered"
)

// Node is one registration of a node, as the database holds it.
type Node struct {
	Node        string
	Epoch       int64
	State       string // one of the above
	Slots       int    // workers
	Busy        int    // workers with work, at the last heartbeat
	Host        string
	PID         int
	Version     string // of the program
	Roles       string // "api,worker,projector"
	Admin       string // address of the node's admin interface
	StartedAt   time.Time
	HeartbeatAt time.Time
	ExpiresAt   time.Time
	EventLevel  int // the highest level of events that it reads (see domain.EventLevel)
	// Expired says that by the database's clock its leases are no longer good.
	Expired bool
}

// NameTakenError says that a node cannot register, since another registration of its name is good.
type NameTakenError struct {
	Holder Node // as it was read: its epoch, host, PID, admin address and times
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the name %s is taken by another registration, of host %s, process %d, which is good until %s",
		e.Holder.Node, e.Holder.Host, e.Holder.PID, e.Holder.ExpiresAt.UTC().Format(time.RFC3339Nano))
}

// Owner is the node that held a message when its registration ended.
type Owner struct {
	Node string
	// Stopped says that the node had released its registration. Otherwise the registration had
	// expired, and nobody knows what became of the node.
	Stopped bool
}
