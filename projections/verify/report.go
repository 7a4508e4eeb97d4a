package verify

import (
	"time"

	"orderflow/domain"
)

// maxSamples bounds the differences that a report spells out.
const maxSamples = 100

// The kinds of difference between the rows and the events.
const (
	KindDifferent = "different" // a field is not what the events say
	KindMissing   = "missing"   // the order has no row
	KindSurplus   = "surplus"   // the row has no events
	KindStale     = "stale"     // events that the checkpoint counts as applied are not in the row
	KindEvents    = "events"    // the order's events cannot be read or folded
	KindNewer     = "newer"     // the order has events that this program does not understand
	KindCounts    = "counts"    // the number of orders of a status is wrong
	// KindUnreadable: the counts of a checkpoint cannot be read.
	KindUnreadable = "unreadable"
	KindBeyond     = "beyond" // a checkpoint is beyond the head of its partition
)

// Difference is one thing that is not as the events say.
type Difference struct {
	Kind     string         `json:"kind"`
	OrderID  domain.OrderID `json:"order_id"`           // zero for KindCounts, KindUnreadable and KindBeyond
	Field    string         `json:"field,omitempty"`    // the column, or the step and its field
	Stored   string         `json:"stored,omitempty"`   // what the row says
	Expected string         `json:"expected,omitempty"` // what the events say
}

// Report is the result of comparing the rows with the events.
type Report struct {
	Orders    int64 `json:"orders"`    // orders compared, with or without a row
	Events    int64 `json:"events"`    // events read
	Different int64 `json:"different"` // orders with a row that is not as the events say
	Missing   int64 `json:"missing"`   // orders without a row
	Surplus   int64 `json:"surplus"`   // rows without events
	Lagging   int64 `json:"lagging"`   // orders whose row is right and will get newer; no fault
	Counts    int64 `json:"counts"`    // statuses whose count is wrong, and checkpoints whose counts cannot be read
	Beyond    int64 `json:"beyond"`    // checkpoints beyond the head of their partition
	// Samples are the first differences that were found, 100 at most.
	Samples []Difference  `json:"samples"`
	Took    time.Duration `json:"took_ns"`
}

// Clean says that nothing was found wrong.
func (r Report) Clean() bool {
	return r.RowsClean() && r.Counts == 0 && r.Beyond == 0
}

// RowsClean says that no row was found wrong.
func (r Report) RowsClean() bool { return r.Different == 0 && r.Missing == 0 && r.Surplus == 0 }

// NewReport makes an empty report, whose samples are an empty list in JSON.
func NewReport() Report { return Report{Samples: []Difference{}} }

// addOrder counts the outcome of comparing one order.
func (r *Report) addOrder(found []Difference, lagging bool) {
	r.Orders++
	if lagging {
		r.Lagging++
	}
	if len(found) == 0 {
		return
	}
	switch found[0].Kind {
	case KindMissing:
		r.Missing++
	case KindSurplus:
		r.Surplus++
	default:
		r.Different++
	}
	r.sample(found)
}

// AddOthers counts differences that concern no single order.
func (r *Report) AddOthers(found []Difference) {
	for _, d := range found {
		if d.Kind == KindBeyond {
			r.Beyond++
		} else {
			r.Counts++
		}
	}
	r.sample(found)
}

func (r *Report) sample(found []Difference) {
	room := maxSamples - len(r.Samples)
	r.Samples = append(r.Samples, found[:min(room, len(found))]...)
}

// Progress is how far a rebuild or a verification has come.
type Progress struct {
	Phase string `json:"phase"` // see the Phase constants
	Done  int64  `json:"done"`  // events or orders, by the phase
	Total int64  `json:"total"` // as it is known so far; 0 if it is not
}

// The phases of a rebuild, in their order. A verification has PhaseVerify alone.
const (
	PhaseClear   = "clear"   // what an earlier rebuild left behind is removed; rows
	PhaseFill    = "fill"    // the new table is filled; events
	PhaseCompare = "compare" // the two tables are compared; orders
	PhaseSwap    = "swap"    // the last events are applied and the tables swapped; events
	PhaseEmpty   = "empty"   // the old table is emptied; rows
	PhaseVerify  = "verify"  // events
)
