package inflight

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Nodes is the register of nodes: who may hold leases, and until when, by the
// database's clock.
type Nodes struct {
	db    *schema.DB
	level int // of the events that this program reads
}

// NewNodes gives the register of a database.
func NewNodes(db *schema.DB) *Nodes { return &Nodes{db: db, level: domain.EventLevel} }

// Register enters a node as active for ttl and gives its epoch, which is higher than that
// of any earlier registration of the same name, and than node.Epoch, which the caller had before:
// where a backup was restored, the register does not know of that one. While another one of the name
// is good, it is a *work.NameTakenError. What does not fit (see limits.go) is of kind
// domain.ErrInvalid. domain.ErrNewer if events may be written that this program does not read.
func (n *Nodes) Register(ctx context.Context, node work.Node, ttl time.Duration) (epoch int64, err error) {
	if err := errors.Join(validNode(node), validTTL(ttl)); err != nil {
		return 0, fmt.Errorf("register node %s: %w", node.Node, err)
	}
	epoch, err = n.register(ctx, node, ttl)
	for errors.Is(err, schema.ErrDuplicateKey) { // another process of the same name was quicker: it is seen now
		epoch, err = n.register(ctx, node, ttl)
	}
	if errors.Is(err, schema.ErrRefused) {
		err = fmt.Errorf("%w: %w", domain.ErrNewer, err)
	}
	if err != nil {
		return 0, fmt.Errorf("register node %s: %w", node.Node, err)
	}
	return epoch, nil
}

func (n *Nodes) register(ctx context.Context, node work.Node, ttl time.Duration) (epoch int64, err error) {
	err = n.db.InTx(ctx, func(tx *schema.Tx) error {
		d := tx.Dialect()
		row := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(epoch), 0) + 1 FROM nodes WHERE node = ?1`, node.Node)
		if err := row.Scan(&epoch); err != nil {
			return n.db.Translate(err)
		}
		epoch = max(epoch, node.Epoch+1)
		if err := holder(ctx, tx, node); err != nil {
			return err
		}
		if err := n.readsAll(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO nodes
			(node, epoch, state, slots, busy, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at, event_level)
			VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, `+d.Now()+`, `+d.Now()+`, `+d.NowPlus("?10")+`, ?11)`,
			node.Node, epoch, work.NodeActive, node.Slots, node.Host, node.PID, node.Version, node.Roles, node.Admin, ttl.Milliseconds(), n.level)
		return err
	})
	return epoch, err
}

// holder is a *work.NameTakenError if there is a good registration of the node's name other than
// its own. Two that register at once are told apart by the epoch that they insert.
func holder(ctx context.Context, tx *schema.Tx, node work.Node) error {
	return tx.Ask(ctx, schema.Question{
		Query: `SELECT epoch, host, pid, admin, heartbeat_at, expires_at FROM nodes
			WHERE node = ?1 AND epoch <> ?2 AND expires_at > ` + tx.Dialect().Now() + ` ORDER BY epoch DESC`,
		Args: []any{node.Node, node.Epoch},
		Read: func(rows *sql.Rows) error {
			if !rows.Next() {
				return rows.Err()
			}
			h := work.Node{Node: node.Node}
			var heartbeat, expires schema.Time
			if err := rows.Scan(&h.Epoch, &h.Host, &h.PID, &h.Admin, &heartbeat, &expires); err != nil {
				return err
			}
			h.HeartbeatAt, h.ExpiresAt = heartbeat.Time, expires.Time
			return &work.NameTakenError{Holder: h}
		},
	})
}

// readsAll is of kind domain.ErrNewer if events may be written that this program does not read. A
// trigger refuses the row too, also to programs that do not ask.
func (n *Nodes) readsAll(ctx context.Context, tx *schema.Tx) error {
	var level int
	if err := tx.QueryRowContext(ctx, `SELECT event_level FROM compatibility`).Scan(&level); errors.Is(err, sql.ErrNoRows) {
		return schema.ErrNoCompatibility
	} else if err != nil {
		return n.db.Translate(err)
	}
	if level > n.level {
		return fmt.Errorf("%w: events are written at level %d, and it reads them up to level %d: run the newer version", domain.ErrNewer, level, n.level)
	}
	return nil
}

// Renew extends a registration to ttl from now; state is work.NodeActive or
// NodeDraining. Once it has expired, or has been released, it can never be renewed again:
// domain.ErrFenced. So is one in a file that is no longer the database.
func (n *Nodes) Renew(ctx context.Context, of work.Registration, state string, busy int, ttl time.Duration) error {
	err := validTTL(ttl)
	if state != work.NodeActive && state != work.NodeDraining {
		err = errors.Join(err, fmt.Errorf("%w: a node is not kept in state %q", domain.ErrInvalid, state))
	}
	if err != nil {
		return fmt.Errorf("renew node %s, epoch %d: %w", of.Node, of.Epoch, err)
	}
	// The state is asked for because the clock is read when the statement begins: if the update
	// then waits for the row until another node has declared it lost, the time alone would
	// still be good.
	d := n.db.Dialect()
	return n.update(ctx, "renew", of, `UPDATE nodes SET heartbeat_at = `+d.Now()+`, expires_at = `+d.NowPlus("?3")+`, state = ?4, busy = ?5
		WHERE node = ?1 AND epoch = ?2 AND expires_at > `+d.Now()+` AND state <> ?6 AND state <> ?7`,
		ttl.Milliseconds(), state, busy, work.NodeLost, work.NodeStopped)
}

// Release ends a registration at once; what it still holds can be taken over.
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

// List gives all registrations that are kept, the latest first.
func (n *Nodes) List(ctx context.Context) ([]work.Node, error) {
	nodes, err := collect(ctx, n.db, func(rows *sql.Rows, d *work.Node) error {
		var started, heartbeat, expires schema.Time
		err := rows.Scan(&d.Node, &d.Epoch, &d.State, &d.Slots, &d.Busy, &d.Host, &d.PID, &d.Version, &d.Roles, &d.Admin,
			&started, &heartbeat, &expires, &d.EventLevel, &d.Expired)
		d.StartedAt, d.HeartbeatAt, d.ExpiresAt = started.Time, heartbeat.Time, expires.Time
		return err
	}, `SELECT node, epoch, state, slots, busy, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at, event_level,
		CASE WHEN expires_at <= `+n.db.Dialect().Now()+` THEN 1 ELSE 0 END FROM nodes ORDER BY started_at DESC, node, epoch DESC`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return nodes, nil
}
