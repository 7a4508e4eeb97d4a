package operate

import (
	"cmp"
	"slices"
	"time"

	"orderflow/domain/work"
)

// lately is how long ago something may have happened to a node to be an alarm.
const lately = 10 * time.Minute

// WatchNodes looks at the registrations of nodes: for nodes that were lost lately, and for names that two processes have
// or take from each other by turns.
func WatchNodes(all []work.Node, now time.Time) (found []Finding) {
	all = slices.SortedFunc(slices.Values(all), func(a, b work.Node) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Epoch, b.Epoch))
	})
	for _, n := range all {
		if lost := n.State == work.NodeLost || n.Expired && n.State != work.NodeStopped; lost && now.Sub(n.ExpiresAt) < lately {
			found = append(found, Findingf(NodeLost, n.Node, "epoch %d of host %s, process %d, did not renew its registration, which ended at %s",
				n.Epoch, n.Host, n.PID, n.ExpiresAt.UTC().Format(time.RFC3339)))
		}
	}
	for len(all) > 0 {
		of := all[:1]
		for len(of) < len(all) && all[len(of)].Node == of[0].Node {
			of = all[:len(of)+1]
		}
		all = all[len(of):]
		if f, shared := sharedName(of, now); shared {
			found = append(found, f)
		}
	}
	return found
}

// sharedName looks at the registrations of one name, the earliest in front.
func sharedName(of []work.Node, now time.Time) (Finding, bool) {
	type process struct {
		host string
		pid  int
	}
	var live []work.Node
	var turns []process // of those that were registered lately, each as often as it came after another
	for _, n := range of {
		if !n.Expired {
			live = append(live, n)
		}
		if p := (process{n.Host, n.PID}); now.Sub(n.StartedAt) < lately && (len(turns) == 0 || turns[len(turns)-1] != p) {
			turns = append(turns, p)
		}
	}
	switch back := len(turns) > 2 && slices.Contains(turns[:len(turns)-1], turns[len(turns)-1]); {
	case len(live) > 1:
		a, b := live[0], live[1]
		return Findingf(NameShared, of[0].Node, "two registrations are good: host %s, process %d, and host %s, process %d", a.Host, a.PID, b.Host, b.PID), true
	case back:
		a, b := turns[len(turns)-2], turns[len(turns)-1]
		return Findingf(NameShared, of[0].Node, "two processes take the name by turns: host %s, process %d, and host %s, process %d", a.host, a.pid, b.host, b.pid), true
	}
	return Finding{}, false
}
