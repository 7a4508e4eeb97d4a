package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow/projections/cluster"
)

// figure is one of the large figures: how much, in what, and a line beside it.
type figure struct{ Name, Value, Unit, Beside string }

// notKnown stands for a figure of a part that could not be read.
const notKnown = "–"

// Figures are the figures in front.
func (v overview) Figures() []figure {
	return []figure{v.waiting(), v.completed(), v.slots(), v.failed(), v.longestWait(), v.deadLetters()}
}

func (v overview) waiting() figure {
	f := figure{Name: "Waiting, all steps", Value: notKnown, Beside: "could not be read"}
	if v.Queues == nil {
		return f
	}
	var n int64
	var more bool
	var oldest float64
	for _, q := range v.Queues.Topics {
		n, more = n+q.Waiting, more || q.More
		if q.Oldest != nil {
			oldest = max(oldest, *q.Oldest)
		}
	}
	f.Value, f.Beside = upTo(n, more), "nothing waits"
	if oldest > 0 {
		f.Beside = "the longest for " + brief(oldest)
	}
	return f
}

func (v overview) completed() figure {
	p := v.Period(cluster.Minute)
	if p == nil {
		return figure{Name: "Orders completed", Value: notKnown, Beside: "could not be read"}
	}
	return figure{"Orders completed", per(p.Completed, p.Seconds), "/s", fmt.Sprintf("%s placed a second, last minute", per(p.Placed, p.Seconds))}
}

func (v overview) slots() figure {
	if v.Gap(cluster.PartNodes) != "" {
		return figure{Name: "Slots busy", Value: notKnown, Beside: "could not be read"}
	}
	var busy, slots, alive int64
	for _, n := range v.Nodes {
		if n.State != cluster.Lost {
			busy, slots, alive = busy+int64(n.Busy), slots+int64(n.Slots), alive+1
		}
	}
	return figure{"Slots busy", count(busy), "of " + count(slots), fmt.Sprintf("%s %s", count(alive), plural(alive, "node", "nodes"))}
}

func (v overview) failed() figure {
	p := v.Period("quarter")
	if p == nil {
		return figure{Name: "Ended in failure", Value: notKnown, Beside: "not known yet"}
	}
	ended := p.Completed + p.Failed + p.Cancelled
	if ended == 0 {
		return figure{Name: "Ended in failure", Value: "0", Beside: "no order ended in 15 min"}
	}
	return figure{"Ended in failure", fmt.Sprintf("%.1f", 100*float64(p.Failed)/float64(ended)), "%", fmt.Sprintf("%s of %s in 15 min", count(p.Failed), count(ended))}
}

func (v overview) longestWait() figure {
	f := figure{Name: "Longest wait p99", Value: notKnown, Beside: "no step began lately"}
	p := v.Typical()
	if p == nil {
		return f
	}
	worst := slices.MaxFunc(p.Steps, func(a, b cluster.StepTimes) int { return cmp.Compare(a.Wait.P99, b.Wait.P99) })
	f.Value, f.Unit, _ = strings.Cut(brief(worst.Wait.P99), " ")
	f.Beside = fmt.Sprintf("before %s, last %s", worst.Step, brief(p.Seconds))
	return f
}

func (v overview) deadLetters() figure {
	if v.Queues == nil {
		return figure{Name: "Dead letters", Value: notKnown, Beside: "could not be read"}
	}
	var n int64
	var more bool
	for _, q := range v.Queues.Topics {
		n, more = n+q.DeadLetters, more || q.MoreDeadLetters
	}
	f := figure{Name: "Dead letters", Value: upTo(n, more), Beside: "nothing was given up"}
	if n > 0 {
		f.Beside = "until somebody decides"
	}
	return f
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Block is a part of a bar: what a node has in hand of one topic.
type Block struct {
	Topic string
	X, N  int64
	Class string
}

// blockClasses are the tones of topics in bars, by step.
var blockClasses = map[string]string{"scheduling": "b-1", "pre-processing": "b-2", "processing": "b-3", "post-processing": "b-4", "rollback": "b-rb"}

// Blocks are what a node has in hand, by topic.
func (v overview) Blocks(node string) (blocks []Block) {
	if v.Queues == nil {
		return nil
	}
	var x int64
	for _, q := range v.Queues.Topics {
		for _, h := range v.Queues.InFlight {
			if h.Node == node && h.Topic == q.Topic && h.Count > 0 {
				blocks = append(blocks, Block{Topic: q.Topic, X: x, N: h.Count, Class: blockClasses[q.Topic]})
				x += h.Count
			}
		}
	}
	return blocks
}

// MostWaiting is the longest of the queues.
func (v overview) MostWaiting() (most int64) {
	for _, q := range v.Queues.Topics {
		most = max(most, q.Waiting)
	}
	return most
}

// MostOrders is the most frequent reason's number of orders.
func (v overview) MostOrders() (most int64) {
	for _, c := range v.Survey.Reasons {
		most = max(most, int64(c.Orders))
	}
	return most
}

// line is one thing that happened, in every period.
type line struct {
	What string
	In   []int64
}

// Lines are what happened, a line each, in the order of v.Last.
func (v overview) Lines() []line {
	of := func(what string, n func(cluster.Happened) int64) line {
		l := line{What: what}
		for _, p := range v.Last {
			l.In = append(l.In, n(p.Happened))
		}
		return l
	}
	return []line{
		of("Orders placed", func(h cluster.Happened) int64 { return h.Placed }),
		of("Orders completed", func(h cluster.Happened) int64 { return h.Completed }),
		of("Orders failed", func(h cluster.Happened) int64 { return h.Failed }),
		of("Orders cancelled", func(h cluster.Happened) int64 { return h.Cancelled }),
		of("Orders parked", func(h cluster.Happened) int64 { return h.Parked }),
		of("Steps completed", func(h cluster.Happened) int64 { return h.StepCompleted }),
		of("Steps failed", func(h cluster.Happened) int64 { return h.StepFailed }),
		of("Steps interrupted", func(h cluster.Happened) int64 { return h.StepInterrupted }),
		of("Steps rolled back", func(h cluster.Happened) int64 { return h.StepRolledBack }),
		of("Orders taken over", func(h cluster.Happened) int64 { return h.TakenOver }),
		of("Nodes lost", func(h cluster.Happened) int64 { return h.NodesLost }),
	}
}

// Class is the tone of a topic in bars.
func (v overview) Class(topic string) string { return blockClasses[topic] }

// Share is how much n is of a whole, as the length of a bar.
func (v overview) Share(n int, of int64) string { return share(int64(n), of) }

// Since is how long ago it was, as of the survey.
func (v overview) Since(t time.Time) string { return brief(max(0, v.Survey.AsOf.Sub(t)).Seconds()) }
