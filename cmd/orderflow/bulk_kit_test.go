package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// bulk is a database full of parked orders, whose letters a job decides on while others do too.
type bulk struct {
	t *testing.T
	service
	keys   []string                  // of the letters
	orders map[string]domain.OrderID // by key
	mu     sync.Mutex
	others map[string]string // what others did to letters after they were frozen, by key
}

// newBulk makes so many parked orders and their letters.
func newBulk(t *testing.T, s service, letters int) *bulk {
	t.Helper()
	b := &bulk{t: t, service: s, orders: map[string]domain.OrderID{}, others: map[string]string{}}
	var all sync.WaitGroup
	next, failed := make(chan int), make(chan error, 1)
	for range 32 { // appends that come together share transactions
		all.Go(func() {
			for n := range next {
				if err := b.park(n); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for n := range letters {
		next <- n
	}
	close(next)
	all.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	slices.Sort(b.keys)
	return b
}

// park makes a parked order, with its letter in the transaction that parks it.
func (b *bulk) park(n int) error {
	ctx, id := b.t.Context(), domain.OrderID{1, byte(n >> 16), byte(n >> 8), byte(n), 6: 0x70, 8: 0x80}
	order := domain.Order{ID: id}
	unit, err := work.Prepare(&order, domain.Metadata{Actor: "customer", CorrelationID: "c"}, domain.Place{},
		domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n1"}, domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "step timed out"})
	if err != nil {
		return err
	}
	message := unit.Messages[0]
	unit.Messages = nil // it will be a dead letter
	placed, err := b.store.Append(ctx, unit)
	if err != nil {
		return err
	}
	if err := order.Apply(placed.Events...); err != nil {
		return err
	}
	unit, err = work.Prepare(&order, domain.Metadata{Actor: "worker"}, domain.Park{Reason: "step timed out"})
	if err != nil {
		return err
	}
	key := inflight.LetterKey{Group: inflight.Workers, Topic: message.Topic, Partition: placed.Events[0].Partition, Position: placed.Events[0].Position}
	_, err = b.store.AppendWith(ctx, unit, func(ctx context.Context, tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, '{}', 1, 1, 'step timed out', ?7)`,
			key.Group, key.Topic, key.Partition, key.Position, message.UUID, message.Payload, schema.TimeArg(placed.Events[0].RecordedAt))
		return err
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys = append(b.keys, key.String())
	b.orders[key.String()] = id
	return err
}

var somebody = operate.By{Actor: "operator:other", Reason: "somebody else decided"}

// interfere decides on letters, as other operators do beside a job, until it has changed so many or there are no more. A
// letter that the job was faster with does not count.
func (b *bulk) interfere(ctx context.Context, random *rand.Rand, most int) {
	letters := node.Letters{DB: b.db, Store: b.store}
	for _, i := range random.Perm(len(b.keys)) {
		key := b.keys[i]
		if most == 0 || ctx.Err() != nil {
			return
		}
		var err error
		did := "at another attempt"
		if random.IntN(3) == 0 { // as if it was requeued, and parked again
			err = b.bump(ctx, key)
		} else {
			did = "requeued"
			_, err = letters.Requeue(ctx, key, somebody)
		}
		switch {
		case err == nil:
			most--
			b.mu.Lock()
			b.others[key] = did
			b.mu.Unlock()
		case errors.Is(err, domain.ErrNotFound), errors.Is(err, domain.ErrConflict):
		default:
			b.t.Errorf("%s: %v", key, err)
			return
		}
	}
}

// bump moves a letter on to its next attempt.
func (b *bulk) bump(ctx context.Context, key string) error {
	k, err := inflight.ParseLetterKey(key)
	if err != nil {
		return err
	}
	return b.db.InTx(ctx, func(tx *schema.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE dead_letters SET attempt = attempt + 1 WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3 AND position = ?4`,
			k.Group, k.Topic, k.Partition, k.Position)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, domain.ErrNotFound)
		}
		return nil
	})
}

// judge compares what the job says with what is in the histories and the tables: acted on is what was frozen, without
// what is listed as changed, each exactly once.
func (b *bulk) judge(jobs operate.Jobs, j work.Job) operate.JobProgress {
	b.t.Helper()
	p, err := jobs.Progress(b.t.Context(), j.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	if p.State != work.JobEnded || p.Left != 0 || p.Failed != 0 || p.Total != len(b.keys) || p.Skipped != len(b.others) {
		b.t.Errorf("the job says %s %+v of %d; %d letters were frozen, and %d changed by others", p.State, p.JobCounts, p.Total, len(b.keys), len(b.others))
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		page, err := jobs.Items(b.t.Context(), j.ID, "", cursor, operate.MaxJobPage)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, it := range page.Items {
			if seen[it.Subject] {
				b.t.Errorf("%s is there twice", it.Subject)
			}
			seen[it.Subject] = true
			if wrong := b.wrong(j, it); wrong != "" {
				b.t.Errorf("%s, %s: %s", it.Subject, it.State, wrong)
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	b.waiting(len(seen))
	return p
}

// wrong says what is wrong with an item; empty if nothing is.
func (b *bulk) wrong(j work.Job, it work.JobItem) string {
	events, err := b.store.Load(b.t.Context(), b.orders[it.Subject])
	if err != nil {
		return err.Error()
	}
	var resumed []domain.Recorded
	for _, e := range events {
		if _, is := e.Event.(domain.OrderResumed); is {
			resumed = append(resumed, e)
		}
	}
	did := b.others[it.Subject]
	switch {
	case did == "at another attempt":
		if it.State != work.ItemSkipped || len(resumed) != 0 || !strings.Contains(it.Note, "attempt 2") {
			return fmt.Sprintf("it was seen at another attempt, resumed %d times: %s", len(resumed), it.Note)
		}
	case len(resumed) != 1:
		return fmt.Sprintf("resumed %d times", len(resumed))
	case did == "requeued":
		if it.State != work.ItemSkipped || resumed[0].Metadata.Actor != somebody.Actor || !strings.Contains(it.Note, "gone") {
			return fmt.Sprintf("others requeued it: %+v, %s", resumed[0].Metadata, it.Note)
		}
	default:
		m := resumed[0].Metadata
		if it.State != work.ItemDone || it.Ref != domain.EventID(resumed[0].OrderID, resumed[0].Version) || m.Actor != j.Actor || m.CausationID != j.ID.String() || m.CorrelationID != "" {
			return fmt.Sprintf("%+v, by %+v", it, m)
		}
	}
	return ""
}

// waiting counts the messages: each letter is a dead letter, or in flight, once.
func (b *bulk) waiting(want int) {
	b.t.Helper()
	dead := 0
	for _, did := range b.others {
		if did == "at another attempt" {
			dead++
		}
	}
	for table, want := range map[string]int{"dead_letters": dead, "inflight": want - dead, "outbox": 0} {
		var n int
		if err := b.db.QueryRowContext(b.t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != want {
			b.t.Errorf("%s has %d messages (err %v), want %d", table, n, err, want)
		}
	}
}
