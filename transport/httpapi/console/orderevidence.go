package console

import (
	"fmt"
	"time"

	"orderflow/handlers/diagnosis"
)

// fact is a figure and its name.
type fact struct{ Name, Value string }

// Evidence is what the diagnosis rests on, as far as it applies.
func (v *orderPage) Evidence() (all []fact) {
	e := v.Diagnosis.Evidence
	for _, f := range append([]fact{
		{"Last event", lastEvent(e)}, {"In hand", inHand(e)}, {"Lease", lease(e)}, {"Next attempt", notBefore(e.NextRetry)}, {"In the queue", place(e.Place)},
		{"Workers", workers(e.Workers)}, {"Pause", pause(e.Pause)}, {"Usual", usual(e.Usual)}, {"Last error", e.LastError}, {"Dead letter", e.Letter},
		{"Message", e.Message}, {"In lists", listed(e)},
	}, faults(e.Faults)...) {
		if f.Value != "" {
			all = append(all, fact{f.Name, cut(f.Value, mostSaid)})
		}
	}
	return all
}

func lastEvent(e diagnosis.Evidence) string {
	if e.LastEvent == "" {
		return ""
	}
	return fmt.Sprintf("%s, version %d, position %s of partition %d", e.LastEvent, e.Version, count(e.Position), e.Partition)
}

func inHand(e diagnosis.Evidence) string {
	if e.Node == "" {
		return ""
	}
	return fmt.Sprintf("%s (epoch %d), attempt %d, interrupted %d times", e.Node, e.Epoch, e.Attempt, e.Interruptions)
}

func lease(e diagnosis.Evidence) string {
	if e.LeaseLeft == nil {
		return ""
	}
	return fmt.Sprintf("%.3f s left, last heartbeat %s", *e.LeaseLeft, instant(e.Heartbeat))
}

func notBefore(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "not before " + instant(t)
}

func place(p *diagnosis.Place) string {
	if p == nil {
		return ""
	}
	return p.String()
}

func workers(w *diagnosis.Workers) string {
	if w == nil {
		return ""
	}
	return fmt.Sprintf("%d of %d slots busy; live nodes: %d, draining: %d", w.Busy, w.Slots, w.Nodes, w.Draining)
}

func pause(p *diagnosis.Pause) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("of %s, by %s since %s: %s", p.Step, p.Actor, stamp(p.Since), p.Reason)
}

func usual(u *diagnosis.Usual) string {
	if u == nil {
		return ""
	}
	return fmt.Sprintf("%s (p50) to %s (p99), of %s", brief(u.P50), brief(u.P99), count(u.Count))
}

func listed(e diagnosis.Evidence) string {
	if e.ViewVersion == nil {
		return ""
	}
	return fmt.Sprintf("version %d of %d", *e.ViewVersion, e.Version)
}

func faults(texts []string) (all []fact) {
	for _, f := range texts {
		all = append(all, fact{"Fault", f})
	}
	return all
}
