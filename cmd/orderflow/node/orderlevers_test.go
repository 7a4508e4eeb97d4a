package node

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// levered is a store whose orders levers are pulled on.
type levered struct {
	t      *testing.T
	db     *schema.DB
	store  *eventstore.Store
	levers operate.OrderLevers
}

func newLevered(t *testing.T, db *schema.DB) *levered {
	t.Helper()
	store, _, err := OpenStore(t.Context(), db, 0, nil, watermill.NopLogger{})
	must(t, err)
	store.Allow(domain.EventLevel)
	return &levered{t: t, db: db, store: store, levers: OrderLevers(db, store)}
}

// order makes an order by commands.
func (l *levered) order(n byte, commands ...domain.Command) domain.OrderID {
	l.t.Helper()
	id := domain.OrderID{0: 1, 1: n, 15: 1}
	u, err := work.Prepare(&domain.Order{ID: id}, domain.Metadata{}, append([]domain.Command{domain.Place{}}, commands...)...)
	must(l.t, err)
	_, err = l.store.Append(l.t.Context(), u)
	must(l.t, err)
	return id
}

// count asks for a number.
func (l *levered) count(query string, args ...any) (n int) {
	l.t.Helper()
	must(l.t, l.db.QueryRowContext(l.t.Context(), query, args...).Scan(&n))
	return n
}

// letter makes the first message of an order a dead letter.
func (l *levered) letter(id domain.OrderID) {
	l.t.Helper()
	events, err := l.store.Load(l.t.Context(), id)
	must(l.t, err)
	must(l.t, l.db.InTx(l.t.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(context.Background(), `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
			SELECT ?4, topic, partition, position, uuid, payload, metadata, 1, 1, 'r', created_at FROM outbox WHERE topic = ?1 AND partition = ?2 AND position = ?3`,
			work.StepTopic(domain.Scheduling), events[0].Partition, events[0].Position, inflight.Workers)
		return err
	}))
}

// TestOrderLevers_counted: what a node records for operators, by itself or by a job, is counted.
func TestOrderLevers_counted(t *testing.T) {
	l, by := newLevered(t, schematest.SQLite(t)), operate.By{Actor: "operator:ann", Reason: "r"}
	counted := map[string]int{}
	count := func(_ *domain.Order, events []domain.Recorded) {
		for _, e := range events {
			counted[e.Type]++
		}
	}
	_, err := orderLevers(l.db, l.store, count).Cancel(t.Context(), operate.Seen{ID: l.order(1)}, false, by)
	must(t, err)
	id := l.order(2)
	kind := jobsOf(l.db, l.store, nil, count).Kinds[operate.JobRetryOrders].(orderJob)
	_, err = operate.OrderLevers{Orders: kind.levers}.Cancel(t.Context(), operate.Seen{ID: id}, false, by)
	must(t, err)
	if counted["OrderCancelled"] != 2 {
		t.Errorf("counted is %v, want two orders that were cancelled", counted)
	}
}

// TestOrderLevers_stored: a request, its message, its control and the end of a dead letter are one transaction.
func TestOrderLevers_stored(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){
		"fail": func(t *testing.T, db *schema.DB) {
			l, by := newLevered(t, db), operate.By{Actor: "operator:ann", Reason: "weil “Öl”"}
			parked := []domain.Command{
				domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"},
				domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "lost"}, domain.Park{Reason: "often"},
			}
			id := l.order(1, parked...)
			l.letter(id)
			stale, err := work.Prepare(&domain.Order{ID: id, Version: 1}, domain.Metadata{}, domain.Cancel{Reason: "r"})
			must(t, err)
			cause := work.Cause{Topic: work.StepTopic(domain.Scheduling), Partition: l.store.Partition(id)}
			events, err := l.store.Load(t.Context(), id)
			must(t, err)
			cause.Position = events[0].Position
			control := &work.Control{Kind: work.ControlCut, Name: id.String(), Value: work.ControlCutNow, Actor: "a", Reason: "r", SetAt: events[0].RecordedAt}
			if err := l.levers.Orders.Append(t.Context(), stale, operate.Beside{Message: &cause, Control: control}); !errors.Is(err, domain.ErrConflict) {
				t.Errorf("err = %v, want ErrConflict", err)
			}
			if letters, controls := l.count(`SELECT COUNT(*) FROM dead_letters`), l.count(`SELECT COUNT(*) FROM controls WHERE name = ?1`, id.String()); letters != 1 || controls != 0 {
				t.Errorf("after a conflict there are %d letters and %d controls, want 1 and none", letters, controls)
			}
			if a, err := l.levers.Fail(t.Context(), operate.Seen{ID: id, Version: 4}, by); err != nil || a.Status != domain.StatusRollingBack {
				t.Errorf("%+v, err %v", a, err)
			}
			if letters, waits := l.count(`SELECT COUNT(*) FROM dead_letters`), l.count(`SELECT COUNT(*) FROM outbox WHERE topic = 'rollback'`); letters != 0 || waits != 1 {
				t.Errorf("there are %d letters and %d rollbacks, want none and 1", letters, waits)
			}
		},
		"cancel at once": func(t *testing.T, db *schema.DB) {
			l := newLevered(t, db)
			id := l.order(2, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
			var wg sync.WaitGroup
			var mu sync.Mutex
			done := 0
			for range 4 {
				wg.Go(func() {
					_, err := l.levers.Cancel(t.Context(), operate.Seen{ID: id}, true, operate.By{Actor: "operator:ann", Reason: "fire"})
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						done++
					case !errors.Is(err, domain.ErrRule):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			controls, err := operations.NewControls(db).Read(t.Context())
			must(t, err)
			if cut := controls.Cut()[id]; done != 1 || cut.Actor != "operator:ann" || cut.Reason != "fire" || cut.SetAt.IsZero() {
				t.Errorf("%d have cancelled it, and the control is %+v; want one, and who it was", done, cut)
			}
		},
		"retry": func(t *testing.T, db *schema.DB) {
			l := newLevered(t, db)
			id := l.order(3, domain.Cancel{Reason: "r"})
			r, err := l.levers.Retry(t.Context(), operate.Seen{ID: id}, operate.By{Actor: "operator", Reason: "r"})
			again, err2 := l.levers.Retry(t.Context(), operate.Seen{ID: id}, operate.By{Actor: "operator", Reason: "r"})
			if err := errors.Join(err, err2); err != nil || r.Repeated || !again.Repeated || r.OrderID != again.OrderID {
				t.Errorf("%+v and %+v, err %v; want one order, and then the same", r, again, err)
			}
		},
	})
}
