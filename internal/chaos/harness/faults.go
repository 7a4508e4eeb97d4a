package harness

import (
	"context"
	"strings"
	"time"

	"orderflow/internal/chaos/boottime"
	"orderflow/internal/chaos/cluster"
	"orderflow/internal/chaos/judge"
	"orderflow/internal/chaos/schedule"
)

// apply does one fault to one node, and heals it.
func (r *run) apply(ctx context.Context, f schedule.Fault, n *cluster.Node) {
	if !n.Up() { // it died of a fault that was over
		r.restart(ctx, n, 0)
	}
	switch f.Kind {
	case schedule.Kill:
		n.Kill()
		r.did(f.Kind)
		r.restart(ctx, n, f.For)
	case schedule.Skew:
		n.Kill()
		r.did(f.Kind)
		r.restart(ctx, n, f.For/4, "ORDERFLOW_CHAOS_SKEW="+f.Skew.String())
	case schedule.Drain:
		n.Terminate()
		if !n.Gone(drainWait) {
			r.foundf("drain", "node %s has not drained within %s", n.Name, drainWait)
			n.Kill()
		}
		r.did(f.Kind)
		r.restart(ctx, n, f.For/4)
	case schedule.Pause:
		r.pause(ctx, f, n)
	case schedule.Crash:
		r.crash(ctx, f, n)
	case schedule.Lock:
		r.lock(ctx, f)
	case schedule.Full:
		r.fill(ctx, f)
	case schedule.Cut, schedule.Delay, schedule.Silence:
		r.breakNetwork(ctx, f, n)
	}
}

func (r *run) restart(ctx context.Context, n *cluster.Node, after time.Duration, env ...string) {
	sleep(ctx, after)
	for try := 1; ; try++ {
		err := n.Start(env...)
		if err == nil {
			return
		}
		n.Kill()
		if try == 3 || ctx.Err() != nil {
			r.foundf("start", "node %s: %v", n.Name, err)
			return
		}
	}
}

// pause stops a process, but not in the middle of a write: who holds a SQLite file holds
// everybody up, whatever the leases say.
func (r *run) pause(ctx context.Context, f schedule.Fault, n *cluster.Node) {
	r.file.Lock()
	stopped := false
	for range 20 {
		n.Stop()
		if stopped = !r.sqlite() || r.writable(ctx); stopped {
			break
		}
		n.Continue()
		sleep(ctx, 20*time.Millisecond)
	}
	r.file.Unlock()
	if !stopped {
		return
	}
	r.did(f.Kind)
	sleep(ctx, f.For)
	n.Continue()
}

// writable says whether the SQLite file can be written to.
func (r *run) writable(ctx context.Context) bool {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout=300"); err != nil {
		return false
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return false
	}
	_, err = conn.ExecContext(ctx, "ROLLBACK")
	return err == nil
}

// crash has a process kill itself at a point.
func (r *run) crash(ctx context.Context, f schedule.Fault, n *cluster.Node) {
	armed, pass := []*cluster.Node{n}, f.Pass
	switch before, _, _ := strings.Cut(f.Point, "."); before {
	case "takeover": // by whichever node is first to take over from this one
		armed, pass = r.others(), 1
	case "rollback", "projection": // rare: by whichever node comes by
		armed, pass = append(r.others(), n), 1
	case "drain", "release":
		pass = 1
	}
	for _, a := range armed {
		if err := a.Arm(f.Point, pass); err != nil {
			r.foundf("harness", "%v", err)
		}
	}
	switch {
	case strings.HasPrefix(f.Point, "takeover"):
		n.Kill()
		defer r.restart(ctx, n, f.For/4)
	case strings.HasPrefix(f.Point, "drain"), strings.HasPrefix(f.Point, "release"):
		n.Terminate()
	}
	victims := r.await(ctx, armed, f.Point, 4*r.Lease) // a take-over begins after one
	r.mu.Lock()
	if len(victims) > 0 {
		r.result.Done[f.Kind]++
		r.result.Points[f.Point]++
	} else {
		r.result.Missed[f.Point]++
	}
	r.mu.Unlock()
	for _, v := range victims {
		switch {
		case v == n && strings.HasPrefix(f.Point, "takeover"): // it is restarted in any case
		case v == n:
			r.restart(ctx, v, f.For/4)
		case r.claim(v): // otherwise the fault that is under way there restarts it, or the next
			r.restart(ctx, v, f.For/4)
			r.giveBack(v)
		}
	}
}

// await waits for the first process to be gone, and then disarms all.
func (r *run) await(ctx context.Context, armed []*cluster.Node, point string, within time.Duration) (gone []*cluster.Node) {
	deadline := time.Now().Add(within)
	for len(gone) == 0 && time.Now().Before(deadline) && sleep(ctx, 2*time.Millisecond) {
		for _, n := range armed {
			if n.Gone(0) {
				gone = append(gone, n)
			}
		}
	}
	for _, n := range armed {
		n.Disarm(point)
	}
	sleep(ctx, 50*time.Millisecond) // for one that was just passing
	gone = nil
	for _, n := range armed {
		if n.Gone(0) {
			gone = append(gone, n)
		}
	}
	return gone
}

// lock holds the write lock of the SQLite file.
func (r *run) lock(ctx context.Context, f schedule.Fault) {
	r.file.Lock()
	defer r.file.Unlock()
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout=10000"); err != nil {
		return
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return
	}
	from := boottime.Now()
	sleep(ctx, f.For)
	_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // closing does it too
	r.away(from, "lock")
	r.did(f.Kind)
}

func (r *run) fill(ctx context.Context, f schedule.Fault) {
	r.file.Lock()
	defer r.file.Unlock()
	from := boottime.Now()
	if err := r.disk.fill(); err != nil {
		r.foundf("harness", "fill the disk: %v", err)
	}
	sleep(ctx, f.For)
	if err := r.disk.free(); err != nil {
		r.foundf("harness", "free the disk: %v", err)
	}
	r.away(from, "full")
	r.did(f.Kind)
}

// away records that the database was away from everybody until now.
func (r *run) away(from int64, why string) {
	r.cluster.Record(judge.Incident{At: from, To: boottime.Now(), What: "away", Why: why})
}

func (r *run) breakNetwork(ctx context.Context, f schedule.Fault, n *cluster.Node) {
	for i, other := range r.cluster.Nodes {
		if other != n || i >= len(r.Network) {
			continue
		}
		network, from := r.Network[i], boottime.Now()
		switch f.Kind {
		case schedule.Cut:
			network.Cut()
		case schedule.Delay:
			network.Delay(f.Lag)
			sleep(ctx, f.For)
			network.Delay(0)
		case schedule.Silence:
			network.Silence(true)
			sleep(ctx, f.For)
			network.Silence(false)
			network.Cut() // what was lost does not come again
		default:
		}
		r.cluster.Record(judge.Incident{At: from, To: boottime.Now(), What: string(f.Kind), Node: n.Name})
		r.did(f.Kind)
	}
}
