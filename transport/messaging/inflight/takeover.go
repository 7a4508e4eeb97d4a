package inflight

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// Returned is a message that was given back, or that is a lost node's, as it was read.
type Returned struct {
	Claim
	owner   work.Registration // in the row; without a name if it was given back
	attempt int               // in the row
}

// lost says whether the message is a lost node's.
func (x Returned) lost() bool { return x.owner.Node != "" }

// Returned reads, without a transaction, which messages to take over, if the sources say that there are any: at
// most as many as there is room for. A message of a lost node counts as interrupted once more. A suspect is among
// them only if the node has none in hand, and behind all others.
func (c *Claimer) Returned(ctx context.Context, r Round, sources []Source) ([]Returned, error) {
	if r.Free <= 0 || !slices.ContainsFunc(sources, func(x Source) bool { return x.Returned }) {
		return nil, nil
	}
	all, err := collect(ctx, c.db, func(rows *sql.Rows, x *Returned) error {
		x.Lease.Group = c.conf.Group
		l := &x.Lease
		return rows.Scan(&l.Topic, &l.Partition, &l.Position, &l.FirstTopic, &l.FirstPosition, &x.UUID, &x.Payload, &x.Metadata,
			&x.owner.Node, &x.owner.Epoch, &x.attempt, &l.Interruptions)
	}, c.prepare(r.Topics).readReturned, c.conf.Group, r.Free, c.conf.AloneAfter)
	if err != nil {
		return nil, fmt.Errorf("read what was given back or is a lost node's: %w", err)
	}
	return c.admit(all, r), nil
}

// admit gives the messages that this node may take over, with the leases that they then have.
func (c *Claimer) admit(all []Returned, r Round) (admitted []Returned) {
	suspect, topics := r.Suspect, map[string]bool{}
	for _, x := range all {
		x.Lease.Registration, x.Lease.Attempt = r.Tenure.Registration, x.attempt+1
		if x.lost() {
			x.Lease.Interruptions++
			x.Suspect = x.Lease.Interruptions >= c.conf.AloneAfter
		}
		if x.Suspect && suspect || c.conf.Ordered && topics[x.Lease.Topic] {
			continue
		}
		suspect, topics[x.Lease.Topic] = suspect || x.Suspect, true
		admitted = append(admitted, x)
	}
	return admitted
}

// TakeOver takes messages over, a few in each transaction. After the first it goes on while less than half of
// the time is gone that ctx has. What it gives has been committed, also if there is an error. If a row is
// locked that it needs, the error is of kind schema.ErrBusy, and for a while no look finds such messages.
func (c *Claimer) TakeOver(ctx context.Context, all []Returned) (claims []Claim, err error) {
	half := halfOf(ctx)
	all = c.heed.inTurn(all)
	for first := true; len(all) > 0 && (first || time.Now().Before(half)); first = false {
		n := min(c.heed.most, len(all))
		some, err := c.takeOver(ctx, all[:n])
		c.heed.met(n, errors.Is(err, schema.ErrBusy))
		if err != nil {
			return claims, fmt.Errorf("take over %d messages of %d: %w", n, len(all), err)
		}
		claims, all = append(claims, some...), all[n:]
	}
	return claims, nil
}

// halfOf is when half of the time is gone that ctx has.
func halfOf(ctx context.Context) time.Time {
	now := time.Now()
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return now.Add(time.Hour)
	}
	return now.Add(deadline.Sub(now) / 2)
}

// takeOver takes messages over in one transaction and one batch: the lost nodes are declared lost, and their
// rows change hands.
func (c *Claimer) takeOver(ctx context.Context, all []Returned) (claims []Claim, err error) {
	found := losses{}
	err = c.InTx(ctx, func(tx *schema.Tx) error {
		clear(found)
		taken := make([]bool, len(all))
		questions := found.declare(tx.Dialect(), ownersOf(all))
		for i, x := range all {
			questions = append(questions, x.changeHands(tx.Dialect(), &taken[i]))
		}
		if err := tx.Ask(ctx, questions...); err != nil {
			return err
		}
		if len(found) > 0 {
			crashpoint.Here("takeover.declared")
		}
		if claims = found.claims(all, taken); len(claims) > 0 {
			crashpoint.Here("takeover.moved")
		}
		return nil
	})
	if err != nil {
		return nil, c.failed(err)
	}
	c.conf.Losses.tell(found)
	claimCommitted(claims)
	return claims, nil
}

// ownersOf are the registrations of the nodes that were lost.
func ownersOf(all []Returned) (owners []work.Registration) {
	for _, x := range all {
		if x.lost() && !slices.Contains(owners, x.owner) {
			owners = append(owners, x.owner)
		}
	}
	return owners
}

// changeHands makes the row its new owner's if it is still as it was read, and if the registration of the owner
// before has ended. Two nodes that try at once are told apart by the attempt.
func (x Returned) changeHands(d schema.Dialect, taken *bool) schema.Question {
	l, ended := x.Lease, ``
	args := []any{
		l.Group, l.FirstTopic, l.Partition, l.FirstPosition, x.owner.Node, x.owner.Epoch, x.attempt, l.Position,
		l.Node, l.Epoch, l.Attempt, l.Interruptions,
	}
	if x.lost() {
		ended = ` AND EXISTS (SELECT 1 FROM nodes e` + hintOf(d) + ` WHERE e.node = ?5 AND e.epoch = ?6 AND (e.state = ?13 OR e.state = ?14))`
		args = append(args, work.NodeLost, work.NodeStopped)
	}
	return schema.Question{
		Query: `UPDATE inflight` + hintOf(d) + ` SET node = ?9, epoch = ?10, attempt = ?11, interruptions = ?12, claimed_at = ` + d.Now() +
			fence + ended + registered(d, `?9`, `?10`),
		Args: args, Changed: func(rows int64) { *taken = rows > 0 },
	}
}

// claims gives the messages that were taken over, and counts them with the losses.
func (all losses) claims(of []Returned, taken []bool) (claims []Claim) {
	for i, x := range of {
		if !taken[i] {
			continue
		}
		if l := all[x.owner]; l != nil {
			x.Lease.From = work.Owner{Node: x.owner.Node, Stopped: l.stopped}
			l.taken++
		}
		claims = append(claims, x.Claim)
	}
	return claims
}
