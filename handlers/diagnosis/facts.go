package diagnosis

import (
	"slices"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Facts are what a look at the database found about an order.
type Facts struct {
	OrderID domain.OrderID
	Now     time.Time         // when it was looked, by the clock that judges leases
	Events  []domain.Recorded // the whole stream; an event that cannot be decoded has no Event
	Listed  *Listed           // what stands for the stream, where that was not read
	Faults  []Fault           // of the stream
	// Later is the version of the stream after all else had been read. If it is not that of Events, the order
	// moved on meanwhile.
	Later  int
	Queue  Queue
	Holds  []Hold // rows in flight of the order's messages
	Letter *Letter
	Nodes  []work.Node   // the registrations that have not ended, some that have, and that of the node that has the message
	Paused work.Controls // of the steps that are paused; read with the nodes
	View   View
	// Traffic is what the last survey saw of the cluster; nil if there was none. What it would tell is left out then.
	Traffic *Traffic
	Gaps    []Gap // what could not be read, and is not in the facts therefore
}

// Listed is an order as lists have it, which may be as it was a while ago, and the message that was met of it, which
// is never older than the places of messages in the facts.
type Listed struct {
	Order   domain.Order
	Due     *work.Cause // nil if none was met
	Written time.Time   // when the message was written to the outbox, if it waits there
}

// Fault is something that must not be in a stream.
type Fault struct {
	Chain   bool // a hole, or a hash that does not fit; otherwise the rules forbid the event
	Version int
	What    string
}

// Hold is a row in flight. Without a name of a node it is free, for everybody from AvailableAt on.
type Hold struct {
	Lease       work.Lease
	ClaimedAt   time.Time // when the node got the row, with this or an earlier message of the order
	AvailableAt time.Time
}

// Letter is the dead letter of the message that is due.
type Letter struct {
	Key      string // as commands name it
	Attempt  int
	Reason   string
	ParkedAt time.Time
}

// View is how far lists and counts are.
type View struct {
	Version    int   // of the order's row; 0 if there is none
	Checkpoint int64 // the last event of the order's partition that was applied
}

// Part is a part of the facts.
type Part string

// The parts. Moment stands for their being of one moment.
const (
	PartEvents Part = "events"
	PartForms  Part = "forms" // of the events: what an event says in a form that only newer programs read
	PartQueue  Part = "queue" // and the dead letters
	PartHolds  Part = "in_flight"
	PartNodes  Part = "nodes"
	PartView   Part = "view"
	PartMoment Part = "moment"
)

// Gap is a part that could not be read, and why.
type Gap struct {
	Part Part   `json:"part"`
	Why  string `json:"why"`
}

// read says whether parts were read.
func (f *Facts) read(parts ...Part) bool {
	return !slices.ContainsFunc(f.Gaps, func(g Gap) bool { return slices.Contains(parts, g.Part) })
}

// moved says that the facts are of more than one version of the order.
func (f *Facts) moved() bool {
	return f.read(PartEvents, PartMoment) && f.Later != f.version()
}

// version is that of the last event.
func (f *Facts) version() int {
	if len(f.Events) == 0 {
		return 0
	}
	return f.Events[len(f.Events)-1].Version
}

// workers are the live nodes with the role worker.
func (f *Facts) workers() (all []work.Node) {
	for _, n := range f.Nodes {
		if !ended(n) && works(n) {
			all = append(all, n)
		}
	}
	return all
}

// works says whether a node has the role worker.
func works(n work.Node) bool { return slices.Contains(strings.Split(n.Roles, ","), "worker") }

// ended says that the leases of a registration are no longer good.
func ended(n work.Node) bool {
	return n.Expired || n.State == work.NodeStopped || n.State == work.NodeLost
}
