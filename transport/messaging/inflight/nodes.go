package inflight

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Nodes is the register of nodes. It says which node may hold leases, and until when, by the database's clock.
type Nodes struct {
	db    *schema.DB
	level int // of the events that this program reads
	news  func() (measured string, taken func())
}

// NewNodes opens the register of a database.
func NewNodes(db *schema.DB) *Nodes { return &Nodes{db: db, level: domain.EventLevel} }

// Carrying has heartbeats take along what a node has measured. news gives the text, and what to call when it is stored;
// the text is empty if there is nothing new. Then the heartbeat leaves alone what is there.
func (n *Nodes) Carrying(news func() (measured string, taken func())) *Nodes {
	n.news = news
	return n
}

// Register enters a node as active for ttl and gives the epoch of the new registration. The epoch is higher
// than that of every earlier registration of the name. It is also higher than node.Epoch, the caller's last
// epoch, which the register may not know of after a backup was restored.
//
// The error is a *work.NameTakenError while another registration of the name is good. It is of kind
// domain.ErrInvalid if the node does not fit into the table, and domain.ErrNewer if events may be written
// that this program cannot read. If the answer is lost, the node may be registered all the same. Then the name is
// taken until that registration expires.
//
// A process that falls silent here keeps no other name from being registered: it asks first, which locks nothing,
// and then inserts in one statement, which is its own transaction.
func (n *Nodes) Register(ctx context.Context, node work.Node, ttl time.Duration) (epoch int64, err error) {
	err = errors.Join(validNode(node), validTTL(ttl))
	for entered := false; err == nil && !entered; { // until nobody comes in between
		if epoch, err = n.free(ctx, node); err == nil {
			entered, err = n.enter(ctx, node, epoch, ttl)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("register node %s: %w", node.Node, err)
	}
	return epoch, nil
}

// free gives the epoch of the name's next registration, if the name is free and this program reads what may be
// written. A trigger refuses a registration too, also that of a program that does not ask.
func (n *Nodes) free(ctx context.Context, node work.Node) (epoch int64, err error) {
	var level sql.NullInt64
	var holder *work.Node
	err = n.db.InTxUrgent(ctx, func(tx *schema.Tx) error {
		return tx.Ask(ctx,
			schema.Question{
				Query: `SELECT COALESCE((SELECT MAX(epoch) FROM nodes WHERE node = ?1), 0) + 1, (SELECT event_level FROM compatibility)`,
				Args:  []any{node.Node},
				Read: func(rows *sql.Rows) error {
					if !rows.Next() {
						return cmp.Or(rows.Err(), sql.ErrNoRows)
					}
					return rows.Scan(&epoch, &level)
				},
			},
			schema.Question{
				Query: `SELECT epoch, host, pid, admin, heartbeat_at, expires_at FROM nodes
					WHERE node = ?1 AND ` + good(tx.Dialect(), "?2") + ` ORDER BY epoch DESC`,
				Args: []any{node.Node, node.Epoch},
				Read: func(rows *sql.Rows) (err error) { holder, err = readHolder(rows, node.Node); return err },
			})
	})
	switch {
	case err != nil:
		return 0, err
	case holder != nil:
		return 0, &work.NameTakenError{Holder: *holder}
	case !level.Valid:
		return 0, schema.ErrNoCompatibility
	case level.Int64 > int64(n.level):
		return 0, fmt.Errorf("%w: events are written at level %d, and it reads them up to level %d: run the newer version",
			domain.ErrNewer, level.Int64, n.level)
	}
	return max(epoch, node.Epoch+1), nil
}

// good is the condition that a registration is good, and not of the caller's last epoch.
func good(d schema.Dialect, last string) string {
	return `epoch <> ` + last + ` AND expires_at > ` + d.Now()
}

// readHolder reads the first registration of a name, if there is one.
func readHolder(rows *sql.Rows, name string) (*work.Node, error) {
	if !rows.Next() {
		return nil, rows.Err()
	}
	h := work.Node{Node: name}
	var heartbeat, expires schema.Time
	err := rows.Scan(&h.Epoch, &h.Host, &h.PID, &h.Admin, &heartbeat, &expires)
	h.HeartbeatAt, h.ExpiresAt = heartbeat.Time, expires.Time
	return &h, err
}

// enter inserts a registration, in a transaction of its own, unless one of the name has come in since the epoch was
// found free. It is false then. Of two that come at once under the same epoch the key lets one in. They have another
// epoch each only if one remembers an epoch that the register has lost; then both may come in where reads do not wait
// for locks (READ_COMMITTED_SNAPSHOT).
func (n *Nodes) enter(ctx context.Context, node work.Node, epoch int64, ttl time.Duration) (bool, error) {
	d := n.db.Dialect()
	rows, err := n.db.ExecUrgent(ctx, `INSERT INTO nodes
		(node, epoch, state, slots, busy, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at, event_level)
		SELECT ?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, `+d.Now()+`, `+d.Now()+`, `+d.NowPlus("?10")+`, ?11
		WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE node = ?1 AND (epoch >= ?2 OR `+good(d, "?12")+`))`,
		node.Node, epoch, work.NodeActive, node.Slots, node.Host, node.PID, node.Version, node.Roles, node.Admin, ttl.Milliseconds(), n.level, node.Epoch)
	switch {
	case errors.Is(err, schema.ErrDuplicateKey):
		return false, nil
	case errors.Is(err, schema.ErrRefused):
		err = fmt.Errorf("%w: %w", domain.ErrNewer, err)
	}
	return rows > 0, err
}

// Renew extends a registration to ttl from now. state is work.NodeActive, NodeCordoned or NodeDraining. A registration
// that has expired or was released can never be renewed: the error is domain.ErrFenced. So it is if the
// database's file was replaced.
func (n *Nodes) Renew(ctx context.Context, of work.Registration, state string, busy int, ttl time.Duration) error {
	err := validTTL(ttl)
	if state != work.NodeActive && state != work.NodeCordoned && state != work.NodeDraining {
		err = errors.Join(err, fmt.Errorf("%w: a node is not kept in state %q", domain.ErrInvalid, state))
	}
	if err != nil {
		return fmt.Errorf("renew node %s, epoch %d: %w", of.Node, of.Epoch, err)
	}
	// The state is asked for because the clock is read when the statement begins: if the update
	// then waits for the row until another node has declared it lost, the time alone would
	// still be good.
	d := n.db.Dialect()
	args, also, taken := []any{ttl.Milliseconds(), state, busy, work.NodeLost, work.NodeStopped}, ``, func() {}
	if n.news != nil {
		if measured, stored := n.news(); measured != "" {
			args, also, taken = append(args, measured), `, measured = ?8`, stored
		}
	}
	err = n.update(ctx, "renew", of, `UPDATE nodes SET heartbeat_at = `+d.Now()+`, expires_at = `+d.NowPlus("?3")+`, state = ?4, busy = ?5`+also+`
		WHERE node = ?1 AND epoch = ?2 AND expires_at > `+d.Now()+` AND state <> ?6 AND state <> ?7`, args...)
	if err == nil {
		taken()
	}
	return err
}

// Release ends a registration at once. Others can take over the messages that it still holds. The error is
// domain.ErrFenced if it had ended already.
func (n *Nodes) Release(ctx context.Context, of work.Registration) error {
	now := n.db.Dialect().Now()
	return n.update(ctx, "release", of, `UPDATE nodes SET state = ?3, busy = 0, expires_at = `+now+`
		WHERE node = ?1 AND epoch = ?2 AND expires_at > `+now+` AND state <> ?4`, work.NodeStopped, work.NodeLost)
}

func (n *Nodes) update(ctx context.Context, what string, of work.Registration, query string, args ...any) error {
	rows, err := n.db.ExecUrgent(ctx, query, append([]any{of.Node, of.Epoch}, args...)...)
	switch {
	case err == nil && rows == 0:
		err = domain.ErrFenced
	case errors.Is(err, schema.ErrReplaced): // others keep their leases in another file, or will
		err = fmt.Errorf("%w: %w", domain.ErrFenced, err)
	}
	if err != nil {
		return fmt.Errorf("%s node %s, epoch %d: %w", what, of.Node, of.Epoch, err)
	}
	return nil
}

// List gives all registrations that are kept, the latest in front.
func (n *Nodes) List(ctx context.Context) ([]work.Node, error) {
	nodes, err := schema.Collect(ctx, n.db, func(rows *sql.Rows, d *work.Node) error {
		var started, heartbeat, expires schema.Time
		err := rows.Scan(&d.Node, &d.Epoch, &d.State, &d.Slots, &d.Busy, &d.Host, &d.PID, &d.Version, &d.Roles, &d.Admin,
			&started, &heartbeat, &expires, &d.EventLevel, &d.Expired)
		d.StartedAt, d.HeartbeatAt, d.ExpiresAt = started.Time, heartbeat.Time, expires.Time
		return err
	}, `SELECT node, epoch, state, slots, busy, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at, event_level,
		CASE WHEN expires_at <= `+n.db.Dialect().Now()+` THEN 1 ELSE 0 END FROM nodes ORDER BY started_at DESC, node, epoch DESC`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", classify(err))
	}
	return nodes, nil
}

// EventLevel gives the level of the forms in which events may be written (see domain.EventLevel). It raises the
// level first, if it can: to the lowest that this program and all registered nodes read. The level never
// falls. A node counts until it is released or declared lost (see Losses), since an expired registration may
// be under renewal, by a statement that began before.
func (n *Nodes) EventLevel(ctx context.Context) (int, error) {
	var level, all int
	row := n.db.QueryRowContext(ctx, `SELECT c.event_level, COALESCE((SELECT MIN(n.event_level) FROM nodes n WHERE n.state NOT IN (?1, ?2)), ?3)
		FROM compatibility c`, work.NodeStopped, work.NodeLost, n.level)
	if err := row.Scan(&level, &all); errors.Is(err, sql.ErrNoRows) {
		return 0, schema.ErrNoCompatibility
	} else if err != nil {
		return 0, fmt.Errorf("read the level of events: %w", n.db.Translate(err))
	}
	wanted := min(all, n.level)
	if wanted <= level {
		return level, nil
	}
	raised, err := n.raise(ctx, wanted)
	if err != nil {
		return 0, fmt.Errorf("raise the level of events to %d: %w", wanted, err)
	}
	if !raised { // a node came in between; the next time will tell
		return level, nil
	}
	return wanted, nil
}

// raise raises the level, if it is lower and no node reads less. A node that registers takes the same turn
// (trigger nodes_read_events). If the node came first, the second statement sees its row. If it comes later,
// it finds the level raised. The two may wait for each other in a circle; the database then gives one
// transaction up, and it is done again. The transaction is sent whole, since nobody can be registered while it has the
// turn, and waits briefly for what somebody has locked.
func (n *Nodes) raise(ctx context.Context, level int) (raised bool, err error) {
	err = n.db.InBatchBrief(ctx, briefly, func() ([]schema.Question, error) {
		return []schema.Question{
			{Query: `UPDATE compatibility SET turns = turns + 1 WHERE one = 1`},
			{
				Query: `UPDATE compatibility SET event_level = ?1 WHERE one = 1 AND event_level < ?1
					AND NOT EXISTS (SELECT 1 FROM nodes WHERE event_level < ?1 AND state NOT IN (?2, ?3))`,
				Args: []any{level, work.NodeStopped, work.NodeLost}, Changed: func(rows int64) { raised = rows > 0 },
			},
		}, nil
	})
	return raised, err
}

// classify makes an error that may pass by itself a domain.ErrUnavailable.
func classify(err error) error {
	if schema.MayPass(err) {
		err = fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return err
}

// validNode looks whether the tables hold a node, in either dialect.
func validNode(n work.Node) error {
	if n.Node == "" {
		return fmt.Errorf("%w: the node has no name", domain.ErrInvalid)
	}
	if n.Slots < 0 {
		return fmt.Errorf("%w: %d slots", domain.ErrInvalid, n.Slots)
	}
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"name", n.Node, 100},
		{"host", n.Host, 255},
		{"version", n.Version, 64},
		{"roles", n.Roles, 64},
		{"admin address", n.Admin, 255},
	} {
		if len(f.value) > f.most {
			return fmt.Errorf("%w: the node's %s has %d bytes (%d at most)", domain.ErrInvalid, f.name, len(f.value), f.most)
		}
	}
	return nil
}

func validTTL(ttl time.Duration) error {
	if ttl < time.Millisecond || ttl > MaxDelay {
		return fmt.Errorf("%w: a registration for %s (1ms to %s)", domain.ErrInvalid, ttl, MaxDelay)
	}
	return nil
}
