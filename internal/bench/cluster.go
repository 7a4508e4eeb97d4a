package bench

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"orderflow/schema"
)

const (
	// settled is how long all workers of all nodes have had work before they are measured,
	// beside a step's time.
	settled = 2 * time.Second
	// filling is how many steps may take their time before all workers have work.
	filling = 12
	// allRoles is how many nodes have all roles. The others work and do nothing else.
	allRoles = 2
)

// cluster is nodes that are processes of their own.
type cluster struct{ all []*Process }

// atOnce bounds the nodes that start at the same time.
const atOnce = 4

// cluster starts nodes; the first few have all roles, the others work and do nothing
// else. What was started is there to be stopped, whatever became of the rest.
func (r *run) cluster(ctx context.Context, dsn string, nodes int) (*cluster, error) {
	c := &cluster{}
	var mu sync.Mutex
	_, err := together(ctx, atOnce, nodes, func(ctx context.Context, i int) error {
		conf := NodeConfig{DSN: dsn, Workers: r.Workers, StepDuration: r.StepDuration, Roles: []string{roleWorker}}
		if i < allRoles {
			conf.Roles = nil
		}
		p, err := r.Spawn(ctx, conf)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		c.all = append(c.all, p)
		return nil
	})
	return c, err
}

// stop drains all nodes at once.
func (c *cluster) stop() error {
	errs := make([]error, len(c.all))
	var wg sync.WaitGroup
	for i, p := range c.all {
		wg.Go(func() { errs[i] = p.Stop() })
	}
	wg.Wait()
	c.all = nil
	return errors.Join(errs...)
}

// nodeStat is what is read of /command/stat.
type nodeStat struct {
	Slots        int   `json:"slots"`
	Busy         int   `json:"busy"`
	Statements   int64 `json:"statements"`
	Transactions int64 `json:"transactions"`
	RoundTrips   int64 `json:"round_trips"`
	Retries      int64 `json:"retries"`

	WaitedSeconds float64 `json:"waited_seconds"`
	HeldSeconds   float64 `json:"held_seconds"`
}

// stats asks all nodes how they stand. Each answer costs its node one statement.
func (c *cluster) stats(ctx context.Context) ([]nodeStat, error) {
	all := make([]nodeStat, len(c.all))
	_, err := together(ctx, len(c.all), len(c.all), func(ctx context.Context, i int) error {
		cl := newClient(c.all[i].Admin, 1)
		defer cl.close()
		answer, err := cl.call(ctx, http.MethodGet, "/command/stat", nil, http.StatusOK)
		if err != nil {
			return err
		}
		return json.Unmarshal(answer, &all[i])
	})
	return all, err
}

// filled waits until each node has been seen with work for all its workers, or for so
// long that it never will be.
func (c *cluster) filled(ctx context.Context, patience time.Duration) error {
	const pause = 250 * time.Millisecond
	full := make([]bool, len(c.all))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && slices.Contains(full, false); {
		all, err := c.stats(ctx)
		if err != nil {
			return err
		}
		for i, s := range all {
			full[i] = full[i] || s.Busy == s.Slots
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	return nil
}

// worked is what nodes used of database and machine between two moments.
type worked struct {
	from, to time.Time
	schema.Stats
	cpu     time.Duration
	bytes   int64 // that the database grew by
	written int64 // bytes; see written
	// lost is a node that was killed afterwards, at lostAt; empty if there was only one.
	lost   string
	lostAt time.Time
	// registered is how often a node with workers has registered.
	registered int64
}

// work starts nodes on a database, measures them once all are full, and drains them, so
// that all that ran meanwhile is in the log.
func (r *run) work(ctx context.Context, dsn string, db *schema.DB, nodes int) (w worked, err error) {
	c, err := r.cluster(ctx, dsn, nodes)
	defer func() { err = errors.Join(err, c.stop()) }()
	if err != nil {
		return w, err
	}
	if err := c.filled(ctx, settled+filling*r.StepDuration); err != nil {
		return w, err
	}
	if err := sleep(ctx, settled+r.StepDuration); err != nil {
		return w, err
	}
	r.Progress("scale: measuring %d nodes", nodes)
	before, err := c.snapshot(ctx, db)
	if err != nil {
		return w, err
	}
	w.from = time.Now()
	if err := sleep(ctx, time.Duration(r.Rounds)*r.StepDuration); err != nil {
		return w, err
	}
	w.to = time.Now()
	after, err := c.snapshot(ctx, db)
	if err != nil {
		return w, err
	}
	w.since(before, after)
	if err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM nodes WHERE slots > 0`).Scan(&w.registered); err != nil {
		return w, db.Translate(err)
	}
	if nodes > 1 {
		w.lost, w.lostAt, err = c.loseOne(ctx, db)
	}
	return w, err
}

// since notes what was used between two snapshots.
func (w *worked) since(before, after worked) {
	w.Statements, w.Transactions, w.RoundTrips = after.Statements-before.Statements, after.Transactions-before.Transactions, after.RoundTrips-before.RoundTrips
	w.Retries, w.Waited, w.Open = after.Retries-before.Retries, after.Waited-before.Waited, after.Open-before.Open
	w.cpu, w.bytes, w.written = after.cpu-before.cpu, after.bytes-before.bytes, after.written-before.written
}

// snapshot is what all nodes have used up to now.
func (c *cluster) snapshot(ctx context.Context, db *schema.DB) (w worked, err error) {
	all, err := c.stats(ctx)
	if err != nil {
		return w, err
	}
	var processes []int
	for i, s := range all {
		processes = append(processes, c.all[i].PID)
		w.Statements += s.Statements
		w.Transactions += s.Transactions
		w.RoundTrips += s.RoundTrips
		w.Retries += s.Retries
		w.Waited += time.Duration(s.WaitedSeconds * float64(time.Second))
		w.Open += time.Duration(s.HeldSeconds * float64(time.Second))
		t, _ := processTime(c.all[i].PID) // where it is not known, the figure is 0
		w.cpu += t
	}
	w.bytes, w.written = stored(ctx, db), written(ctx, db, processes...)
	return w, nil
}
