package cluster

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Most is how far is counted: a figure that is larger is Most + 1 and reads "10,000+".
const Most = 10_000

// FigureQueues is the name of the figure of the queues.
const FigureQueues = "queues"

// QueuesEvery is how often a node makes the figure of the queues that has the duty.
const QueuesEvery = 5 * time.Second

// Queues is what waits and what is in hand.
type Queues struct {
	Topics      []Queue      `json:"topics"`
	InFlight    []Hand       `json:"in_flight"`
	Projections []Checkpoint `json:"projections"`
	// LagBefore is how many events the orders' projection was behind about a minute before; nil if nobody looked then.
	LagBefore *int64 `json:"lag_before,omitempty"`
}

// Queue is what waits on one topic.
type Queue struct {
	Topic   string `json:"topic"`
	Waiting int64  `json:"waiting"` // in the outbox, behind the offset; up to Most + 1
	// Returned is what was given back and waits in flight, for its time or for a node.
	Returned    int64     `json:"returned"`
	OldestAt    time.Time `json:"oldest_at,omitzero"` // of what waits in the outbox: when it became due
	DeadLetters int64     `json:"dead_letters"`       // up to Most + 1
	KeptFrom    time.Time `json:"kept_from,omitzero"` // the oldest message that the retention has left, consumed or not
}

// Hand is what one registration has in flight of a topic.
type Hand struct {
	Topic string `json:"topic"`
	Node  string `json:"node"`
	Epoch int64  `json:"epoch"`
	Count int64  `json:"count"`
}

// Checkpoint is how far a projection is in a partition of the log.
type Checkpoint struct {
	Projection string    `json:"projection"`
	Partition  int       `json:"partition"`
	Position   int64     `json:"position"`
	Head       int64     `json:"head"`
	BehindFrom time.Time `json:"behind_from,omitzero"` // when the first event was stored that is not applied; zero if none
}

// Surveyor looks at the queues, for one node at a time. It counts up to Most of each topic by the keys of the outbox, and
// all else are searches by key, or through rows in flight, of which there are about as many as slots.
type Surveyor struct {
	db    *schema.DB
	group string
	lags  []lag // of the last minute, the earliest in front
}

type lag struct {
	at     time.Time
	events int64
}

// NewSurveyor makes one that looks at the queues of a consumer group.
func NewSurveyor(db *schema.DB, group string) *Surveyor { return &Surveyor{db: db, group: group} }

// Pass looks at the queues and writes the figure, in the name of a node.
func (s *Surveyor) Pass(ctx context.Context, node string) error {
	q, asOf, err := s.Survey(ctx)
	if err != nil {
		return err
	}
	content, err := json.Marshal(q)
	if err != nil {
		return err
	}
	_, err = NewFigures(s.db).Write(ctx, Figure{Name: FigureQueues, AsOf: asOf, Node: node, Content: content})
	return err
}

// Survey looks at the queues, and says by the database's clock when.
func (s *Surveyor) Survey(ctx context.Context) (q Queues, asOf time.Time, err error) {
	err = s.db.Look(ctx, patience, func(look *schema.Look) error {
		for _, part := range []struct {
			what string
			read func(context.Context, *schema.Look, *Queues) error
		}{
			{"what waits", func(ctx context.Context, look *schema.Look, q *Queues) (err error) {
				asOf, err = s.waiting(ctx, look, q)
				return err
			}},
			{"what is in flight", s.inFlight},
			{"the checkpoints", s.checkpoints},
		} {
			if err := part.read(ctx, look, &q); err != nil {
				return fmt.Errorf("look at %s: %w", part.what, err)
			}
		}
		return nil
	})
	if err != nil {
		return Queues{}, time.Time{}, err
	}
	q.LagBefore = s.before(asOf, q.lag())
	return q, asOf, nil
}

// waiting asks for all topics in one statement.
func (s *Surveyor) waiting(ctx context.Context, look *schema.Look, to *Queues) (asOf time.Time, err error) {
	err = look.Read(ctx, func(rows *sql.Rows) error {
		to.Topics = []Queue{}
		for rows.Next() {
			var q Queue
			var oldest, kept, now schema.Time
			if err := rows.Scan(&q.Topic, &q.Waiting, &oldest, &q.DeadLetters, &kept, &now); err != nil {
				return err
			}
			q.OldestAt, q.KeptFrom, asOf = oldest.Time, kept.Time, now.Time
			to.Topics = append(to.Topics, q)
		}
		return rows.Err()
	}, waitingQuery(look.Dialect()), s.group)
	return asOf, err
}

func (s *Surveyor) inFlight(ctx context.Context, look *schema.Look, to *Queues) error {
	returned := map[string]int64{}
	err := look.Read(ctx, func(rows *sql.Rows) error {
		clear(returned)
		to.InFlight = []Hand{}
		for rows.Next() {
			var h Hand
			if err := rows.Scan(&h.Topic, &h.Node, &h.Epoch, &h.Count); err != nil {
				return err
			}
			if h.Node == "" {
				returned[h.Topic] += h.Count
			} else {
				to.InFlight = append(to.InFlight, h)
			}
		}
		return rows.Err()
	}, inFlightQuery(look.Dialect()), s.group)
	for i := range to.Topics {
		to.Topics[i].Returned = returned[to.Topics[i].Topic]
	}
	return err
}

func (s *Surveyor) checkpoints(ctx context.Context, look *schema.Look, to *Queues) error {
	return look.Read(ctx, func(rows *sql.Rows) error {
		to.Projections = []Checkpoint{}
		for rows.Next() {
			var c Checkpoint
			var behind schema.Time
			if err := rows.Scan(&c.Projection, &c.Partition, &c.Position, &c.Head, &behind); err != nil {
				return err
			}
			c.BehindFrom = behind.Time
			to.Projections = append(to.Projections, c)
		}
		return rows.Err()
	}, checkpointsQuery(look.Dialect()))
}

// lag is how many events the orders' projection is behind.
func (q *Queues) lag() (events int64) {
	for _, c := range q.Projections {
		if c.Projection == Orders {
			events += max(0, c.Head-c.Position)
		}
	}
	return events
}

// Orders is the name of the projection that customers read.
const Orders = "orders"

// before notes the lag, and gives that of about a minute ago.
func (s *Surveyor) before(now time.Time, events int64) *int64 {
	for len(s.lags) > 0 && now.Sub(s.lags[0].at) > time.Minute+QueuesEvery {
		s.lags = s.lags[1:]
	}
	s.lags = append(s.lags, lag{now, events})
	if first := s.lags[0]; now.Sub(first.at) >= time.Minute-QueuesEvery {
		return &first.events
	}
	return nil
}

// topics are those of work, steps in their order and rollbacks last.
func topics() []string {
	all := work.Topics()
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}
