package inflight

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Waiting is whether a message waits in the outbox, and its dead letter, if it is one.
type Waiting struct {
	Queued  bool  // it is there, and the group has not come to it
	Claimed int64 // the position up to which the group has claimed its topic and partition
	Letter  *DeadLetter
	Figure  string // that was asked for; empty if there is none
}

// ReadWaiting asks one question about a message: three rows by their keys, and a figure (see package cluster).
func ReadWaiting(ctx context.Context, in schema.Reader, group string, c work.Cause, figure string) (w Waiting, err error) {
	err = in.Read(ctx, func(rows *sql.Rows) error {
		w = Waiting{}
		if !rows.Next() {
			return rows.Err()
		}
		var offset, position sql.NullInt64
		var attempt, interruptions sql.NullInt64
		var reason, content sql.NullString
		var parked schema.Time
		if err := rows.Scan(&offset, &position, &attempt, &interruptions, &reason, &parked, &content); err != nil {
			return err
		}
		w.Claimed, w.Figure = offset.Int64, content.String
		w.Queued = position.Valid && (!offset.Valid || offset.Int64 < position.Int64)
		if attempt.Valid {
			key := LetterKey{Group: group, Topic: c.Topic, Partition: c.Partition, Position: c.Position}
			w.Letter = &DeadLetter{LetterKey: key, Attempt: int(attempt.Int64), Interruptions: int(interruptions.Int64), Reason: reason.String, ParkedAt: parked.Time}
		}
		return nil
	}, `SELECT o.position, m.position, l.attempt, l.interruptions, l.reason, l.parked_at, f.content FROM (SELECT 1 AS one) x
		LEFT JOIN consumer_offsets o ON o.consumer_group = ?1 AND o.topic = ?2 AND o.partition = ?3
		LEFT JOIN outbox m ON m.topic = ?2 AND m.partition = ?3 AND m.position = ?4
		LEFT JOIN dead_letters l ON l.consumer_group = ?1 AND l.topic = ?2 AND l.partition = ?3 AND l.position = ?4
		LEFT JOIN figures f ON f.name = ?5`,
		group, c.Topic, c.Partition, c.Position, figure)
	if err != nil {
		return Waiting{}, fmt.Errorf("look for message %s/%d/%d: %w", c.Topic, c.Partition, c.Position, err)
	}
	return w, nil
}

// Held is a row in flight, without its message.
type Held struct {
	Lease                  work.Lease // of nobody if it has no node
	ClaimedAt, AvailableAt time.Time
}

// ReadHeld asks one question: the rows in flight that an order's messages have, by their keys. The key of a row is that
// of its first message, which is one of the causes. There is a search for each of work.Topics, whatever the causes,
// so that there is one text.
func ReadHeld(ctx context.Context, in schema.Reader, group string, causes []work.Cause) (all []Held, err error) {
	if len(causes) == 0 {
		return nil, nil
	}
	first := map[string]work.Cause{}
	for _, c := range causes {
		first[c.Topic] = c
	}
	args, searches := []any{group, causes[0].Partition}, make([]string, 0, len(work.Topics()))
	for _, topic := range work.Topics() {
		args = append(args, topic, first[topic].Position) // no message has position 0
		searches = append(searches, fmt.Sprintf(`SELECT first_topic, first_position, topic, position, node, epoch, attempt, interruptions, claimed_at, available_at
			FROM inflight WHERE consumer_group = ?1 AND first_topic = ?%d AND partition = ?2 AND first_position = ?%d`, len(args)-1, len(args)))
	}
	all, err = schema.Collect(ctx, in, func(rows *sql.Rows, h *Held) error {
		l := &h.Lease
		l.Group, l.Partition = group, causes[0].Partition
		var claimed, available schema.Time
		err := rows.Scan(&l.FirstTopic, &l.FirstPosition, &l.Topic, &l.Position, &l.Node, &l.Epoch, &l.Attempt, &l.Interruptions, &claimed, &available)
		h.ClaimedAt, h.AvailableAt = claimed.Time, available.Time
		return err
	}, strings.Join(searches, ` UNION ALL `), args...)
	if err != nil {
		return nil, fmt.Errorf("look for the messages of an order that are in flight: %w", err)
	}
	return all, nil
}

// recently is how long ago a registration has ended at most that a roster has.
const recently = 24 * time.Hour

// Roster are the registrations that have not ended, those that ended recently and that of one owner, and the time by
// which they were judged.
type Roster struct {
	Now   time.Time
	Nodes []work.Node // with state, slots, roles and times alone
	// OtherClock says that leases are judged by a clock that this process cannot read: Now is the wall clock, and
	// whether a registration has expired is not known.
	OtherClock bool
	Paused     work.Controls // of the steps that are paused
}

// ReadRoster asks one question: a scan of the register and of the controls of steps, which are small. owner is the registration that holds what is asked
// about; the zero value if there is none.
func ReadRoster(ctx context.Context, in schema.Reader, owner work.Registration) (r Roster, err error) {
	d := in.Dialect()
	err = in.Read(ctx, func(rows *sql.Rows) error {
		r = Roster{}
		for rows.Next() {
			if err := r.scan(rows); err != nil {
				return err
			}
		}
		return nil
	}, `SELECT x.now, x.clock, n.node, n.epoch, n.state, n.slots, n.busy, n.roles, n.heartbeat_at, n.expires_at,
			c.name, c.value, c.actor, c.reason, c.set_at
		FROM (SELECT `+d.Now()+` AS now, `+d.WhoseClock()+` AS clock, `+d.NowPlus("?1")+` AS past) x
			LEFT JOIN nodes n ON n.state NOT IN (?2, ?3) OR n.expires_at > x.past OR n.node = ?4 AND n.epoch = ?5
			LEFT JOIN controls c ON c.kind = ?6`,
		-recently.Milliseconds(), work.NodeStopped, work.NodeLost, owner.Node, owner.Epoch, work.ControlStep)
	if err != nil {
		return Roster{}, fmt.Errorf("look at the nodes: %w", err)
	}
	return r, nil
}

// scan reads one row, which has no node if none is registered, and no control if no step is paused. Each node comes with
// each of the controls.
func (r *Roster) scan(rows *sql.Rows) error {
	var now, heartbeat, expires, set schema.Time
	var name, value, actor, reason sql.NullString
	var clock int
	var node, state, roles sql.NullString
	var epoch, slots, busy sql.NullInt64
	if err := rows.Scan(&now, &clock, &node, &epoch, &state, &slots, &busy, &roles, &heartbeat, &expires, &name, &value, &actor, &reason, &set); err != nil {
		return err
	}
	r.Now = now.Time
	first := len(r.Paused) == 0 || r.Paused[0].Name == name.String
	if name.Valid && r.Paused.Paused(domain.Step(name.String)) == nil {
		r.Paused = append(r.Paused, work.Control{Kind: work.ControlStep, Name: name.String, Value: value.String, Actor: actor.String, Reason: reason.String, SetAt: set.Time})
	}
	if !node.Valid || !first {
		return nil
	}
	n := work.Node{
		Node: node.String, Epoch: epoch.Int64, State: state.String, Slots: int(slots.Int64), Busy: int(busy.Int64), Roles: roles.String,
		HeartbeatAt: heartbeat.Time, ExpiresAt: expires.Time, Expired: !expires.After(now.Time) || clock == schema.NobodysClock,
	}
	r.Nodes = append(r.Nodes, n)
	if clock == schema.OthersClock && n.State != work.NodeStopped && n.State != work.NodeLost {
		r.OtherClock = true
	}
	return nil
}
