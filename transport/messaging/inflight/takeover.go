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
// them only if the node has none in hand, and behind all others. What was found locked is not among them for a while.
func (c *Claimer) Returned(ctx context.Context, r Round, sources []Source) ([]Returned, error) {
	if r.Free <= 0 || !slices.ContainsFunc(sources, func(x Source) bool { return x.Returned }) {
		return nil, nil
	}
	for most := max(r.Free, mostTakenOver); ; most *= 2 {
		all, err := c.readReturned(ctx, r, most)
		if err != nil {
			return nil, fmt.Errorf("read what was given back or is a lost node's: %w", err)
		}
		open := slices.DeleteFunc(slices.Clone(all), c.heed.rested)
		admitted := c.admit(c.heed.lastMet(open), r)
		// Otherwise there may be more behind what is left alone. Behind a suspect are only suspects.
		if len(admitted) < r.Free && len(all) == most && !all[most-1].Suspect {
			continue
		}
		if len(admitted) == 0 && len(open) < len(all) {
			c.heed.rest(place{returned: true}, shortestRest)
		}
		return admitted[:min(len(admitted), r.Free)], nil
	}
}

// readReturned reads at most so many messages, with the leases that this node would have.
func (c *Claimer) readReturned(ctx context.Context, r Round, most int) ([]Returned, error) {
	return schema.Collect(ctx, c.db, func(rows *sql.Rows, x *Returned) error {
		x.Lease.Group = c.conf.Group
		l := &x.Lease
		err := rows.Scan(&l.Topic, &l.Partition, &l.Position, &l.FirstTopic, &l.FirstPosition, &x.UUID, &x.Payload, &x.Metadata,
			&x.owner.Node, &x.owner.Epoch, &x.attempt, &l.Interruptions)
		x.Lease.Registration, x.Lease.Attempt = r.Tenure.Registration, x.attempt+1
		if x.lost() {
			x.Lease.Interruptions++
			x.Suspect = x.Lease.Interruptions >= c.conf.AloneAfter
		}
		return err
	}, c.prepare(r.Topics).readReturned, c.conf.Group, most, c.conf.AloneAfter)
}

// admit gives the messages that this node may take over: one suspect, and one of each topic that is kept in order.
func (c *Claimer) admit(all []Returned, r Round) (admitted []Returned) {
	suspect, topics := r.Suspect, map[string]bool{}
	for _, x := range all {
		if x.Suspect && suspect || c.conf.Ordered && topics[x.Lease.Topic] {
			continue
		}
		suspect, topics[x.Lease.Topic] = suspect || x.Suspect, true
		admitted = append(admitted, x)
	}
	return admitted
}

// TakeOver takes messages over, a few in each transaction. After the first it goes on while less than half of
// the time is gone that ctx has, until it has met a few locks or the node drains. What it gives has been committed,
// also if there is an error. If a row is locked that it needs, the error is of kind schema.ErrBusy. Half as many
// messages are then taken over at a time, until one is found that is held. That one is left alone for a while, or all
// of its owner.
func (c *Claimer) TakeOver(ctx context.Context, all []Returned) (claims []Claim, err error) {
	half := halfOf(ctx)
	for locks := 0; len(all) > 0 && locks < mostLocks && !c.conf.Draining(); {
		n := c.heed.batch(all)
		some, oneErr := c.takeOver(ctx, all[:n])
		switch {
		case errors.Is(oneErr, schema.ErrBusy):
			locks, err = locks+1, fmt.Errorf("take over %d messages of %d: %w", n, len(all), oneErr)
			if c.heed.most = max(1, n/2); n == 1 {
				c.leaveAlone(ctx, all[0])
				all = slices.DeleteFunc(all, c.heed.rested)
			}
		case oneErr != nil:
			return claims, fmt.Errorf("take over %d messages of %d: %w", n, len(all), oneErr)
		default:
			c.heed.taken(all[:n])
			claims, all = append(claims, some...), all[n:]
		}
		if !time.Now().Before(half) {
			break
		}
	}
	return claims, err
}

// leaveAlone has a message be left alone for a while that could not be taken over alone; or, if the registration of its
// owner is what somebody holds, all that is the owner's.
func (c *Claimer) leaveAlone(ctx context.Context, x Returned) {
	held := place{row: x.Lease.Row}
	if x.lost() && errors.Is(c.conf.Losses.declare(ctx, c.InTx, x.owner), schema.ErrBusy) {
		held = place{owner: x.owner}
	}
	c.heed.locked(held)
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
		ended = ` AND EXISTS (SELECT 1 FROM nodes e` + d.SkipLocked() + ` WHERE e.node = ?5 AND e.epoch = ?6 AND (e.state = ?13 OR e.state = ?14))`
		args = append(args, work.NodeLost, work.NodeStopped)
	}
	return schema.Question{
		Query: `UPDATE inflight` + d.SkipLocked() + ` SET node = ?9, epoch = ?10, attempt = ?11, interruptions = ?12, claimed_at = ` + d.Now() +
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
