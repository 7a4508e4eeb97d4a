package check_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"strings"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/check"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// bench is a store with four orders: 1 completed, 2 failed and rolled back, 3 under way
// with its message in the outbox, 4 parked.
type bench struct {
	t     *testing.T
	db    *schema.DB
	store *eventstore.Store
}

func newBench(t *testing.T, db *schema.DB) *bench {
	t.Helper()
	schematest.Partitions(t, db, 3)
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{Outbox: outbox{}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, db: db, store: store}
	steps := domain.Steps()
	b.place(1, "t-1", `{"text":"<\u2028>","n":1E5}`)
	for _, s := range steps {
		b.do(1, domain.StartStep{Step: s, Attempt: 1, Node: "n"})
		b.do(1, domain.CompleteStep{Step: s, Attempt: 1})
	}
	b.do(2, domain.Place{})
	b.do(2, domain.StartStep{Step: steps[0], Attempt: 1, Node: "n"})
	b.do(2, domain.InterruptStep{Step: steps[0], Attempt: 1, Reason: "lost"}, domain.StartStep{Step: steps[0], Attempt: 2, Node: "m"})
	b.do(2, domain.CompleteStep{Step: steps[0], Attempt: 2})
	b.do(2, domain.StartStep{Step: steps[1], Attempt: 1, Node: "n"})
	b.do(2, domain.CompleteStep{Step: steps[1], Attempt: 1})
	b.do(2, domain.StartStep{Step: steps[2], Attempt: 1, Node: "n"})
	b.do(2, domain.FailStep{Step: steps[2], Attempt: 1, Error: "no"})
	b.do(2, domain.RollBackStep{Step: steps[2], Attempt: 1, Node: "n"})
	b.do(2, domain.RollBackStep{Step: steps[1], Attempt: 1, Node: "n"})
	b.do(2, domain.RollBackStep{Step: steps[0], Attempt: 1, Node: "n"})
	b.do(3, domain.Place{})
	b.do(3, domain.StartStep{Step: steps[0], Attempt: 1, Node: "n"})
	b.do(4, domain.Place{})
	b.do(4, domain.Park{Reason: "poison"})
	return b
}

type outbox struct{}

func (outbox) Committed([]string) {}
func (outbox) Insert(_ schema.Dialect, messages []work.OutboxMessage) (questions []schema.Question, _ error) {
	for _, m := range messages {
		questions = append(questions, schema.Question{
			Query: `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES (?1, ?2, ?3, ?4, ?5, '{}', ?6)`,
			Args:  []any{m.Topic, m.Partition, m.Position, m.UUID, m.Payload, schema.TimeArg(m.At)},
		})
	}
	return questions, nil
}

func order(n byte) domain.OrderID { return domain.OrderID{0: n, 15: n} }

func (b *bench) do(n byte, commands ...domain.Command) {
	b.t.Helper()
	o := domain.Order{ID: order(n)}
	if events, err := b.store.Load(b.t.Context(), order(n)); err == nil {
		if o, err = domain.Fold(events); err != nil {
			b.t.Error(err)
		}
	}
	a, err := work.Prepare(&o, domain.Metadata{}, commands...)
	if err == nil {
		_, err = b.store.Append(b.t.Context(), a)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// place appends the first event of an order with its reservation, as the API does.
func (b *bench) place(n byte, tracking, detail string) {
	b.t.Helper()
	a, err := work.Prepare(&domain.Order{ID: order(n)}, domain.Metadata{}, domain.Place{TrackingID: tracking, Detail: []byte(detail)})
	if err != nil {
		b.t.Fatal(err)
	}
	text := binary.BigEndian.AppendUint64(nil, uint64(len(tracking)))
	fingerprint := sha256.Sum256(append(append(text, tracking...), detail...))
	a.Reservations = []work.Reservation{{Key: "tracking:" + tracking, Fingerprint: fingerprint}, {Key: "key:k", Fingerprint: fingerprint}}
	if _, err := b.store.Append(b.t.Context(), a); err != nil {
		b.t.Fatal(err)
	}
}

// force appends events that no rule allows.
func (b *bench) force(n byte, expected int, events ...domain.Event) {
	b.t.Helper()
	if _, err := b.store.Append(b.t.Context(), work.Unit{OrderID: order(n), Expected: expected, Events: events}); err != nil {
		b.t.Fatal(err)
	}
}

// tamper changes the tables behind the back of the system.
func (b *bench) tamper(query string, args ...any) {
	b.t.Helper()
	schematest.Unprotect(b.t, b.db)
	if err := b.exec(query, args...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) exec(query string, args ...any) error {
	return b.db.InTx(b.t.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(b.t.Context(), query, args...)
		return err
	})
}

func (b *bench) run(o check.Config) check.Report {
	b.t.Helper()
	r, err := check.Run(b.t.Context(), b.db, b.store, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func TestRun_clean(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		b := newBench(t, open(t))
		progressed := 0
		for _, page := range []int{1, 3, 1000} {
			r := b.run(check.Config{Page: page, Progress: func(check.Report) { progressed++ }})
			if !r.Clean() || r.Orders != 4 || r.Events != 27 || r.OnTheirWay != 2 || r.Keys != 2 || r.KeysUnproven != 1 {
				t.Errorf("pages of %d: %+v; want 4 orders, 27 events, 2 on their way, 2 keys (1 not to be proven) and no violation", page, r)
			}
		}
	})
}

// TestRun_finds breaks one thing at a time.
func TestRun_finds(t *testing.T) {
	s := domain.Steps()
	id := func(n byte) []byte { i := order(n); return i[:] }
	trigger := map[string]string{"sqlite": "events_no_update", "sqlserver": "events_append_only"}
	cases := map[string]struct {
		kind, what string
		do         func(b *bench)
	}{
		"trigger dropped": {check.Schema, "schema: trigger events_.* of table events is missing", func(b *bench) {
			if err := b.exec(`DROP TRIGGER ` + trigger[b.db.Dialect().Name()]); err != nil {
				b.t.Fatal(err)
			}
		}},
		"deleted event": {check.Hole, "version 5 follows version 3", func(b *bench) { b.tamper(`DELETE FROM events WHERE stream_id = ?1 AND version = 4`, id(1)) }},
		"deleted last event": {check.Hole, "its head says", func(b *bench) {
			b.tamper(`UPDATE heads SET head = head + 1 WHERE partition = ?1`, b.store.Partition(order(1)))
		}},
		"head turned back": {check.Hole, "its head says", func(b *bench) {
			b.tamper(`UPDATE heads SET head = head - 1 WHERE partition = ?1`, b.store.Partition(order(1)))
		}},
		"deleted first event": {check.Hole, "version 2 follows version 0", func(b *bench) { b.tamper(`DELETE FROM events WHERE stream_id = ?1 AND version = 1`, id(3)) }},
		"hole in the log": {check.Hole, `^hole: order .*: position \d+ follows \d+$`, func(b *bench) {
			b.tamper(`DELETE FROM events WHERE stream_id = ?1 AND version = 4`, id(1))
		}},
		"moved to no partition": {check.Misplaced, "1 events lie in partitions that there are not", func(b *bench) {
			b.tamper(`UPDATE events SET partition = 99 WHERE stream_id = ?1 AND version = 1`, id(3))
		}},
		"moved to another partition": {check.Misplaced, "the order belongs to partition", func(b *bench) {
			b.tamper(`UPDATE events SET partition = ?1, position = 1000 WHERE stream_id = ?2 AND version = 1`, (b.store.Partition(order(3))+1)%3, id(3))
		}},
		"moved back": {check.Misplaced, "it follows partition", func(b *bench) {
			b.tamper(`UPDATE events SET position = 1000 WHERE stream_id = ?1 AND version = 1`, id(3))
		}},
		"started after a failure": {check.Illegal, "step PreProcessing had failed", func(b *bench) {
			b.failing()
			b.force(7, 5, domain.StepStarted{Step: s[1], Attempt: 2, Node: "n"})
		}},
		"altered data": {check.Broken, "hash", func(b *bench) {
			b.tamper(`UPDATE events SET data = '{"detail":{"n":1}}' WHERE stream_id = ?1 AND version = 1`, id(1))
		}},
		"altered metadata": {check.Broken, "hash", func(b *bench) {
			b.tamper(`UPDATE events SET metadata = '{"schema":1,"actor":"x"}' WHERE stream_id = ?1 AND version = 2`, id(1))
		}},
		"altered time": {check.Broken, "hash", func(b *bench) {
			b.tamper(`UPDATE events SET recorded_at = '2026-01-01T00:00:00.000000' WHERE stream_id = ?1 AND version = 1`, id(1))
		}},
		"time backwards": {check.Time, "after an event of", func(b *bench) {
			b.tamper(`UPDATE events SET recorded_at = '2001-01-01T00:00:00.000000' WHERE stream_id = ?1 AND version = 2`, id(1))
		}},
		"altered hash": {check.Broken, "hash", func(b *bench) {
			b.tamper(`UPDATE events SET hash = ?2 WHERE stream_id = ?1 AND version = 10`, id(1), make([]byte, 32))
		}},
		"unreadable data": {check.Unread, "decode", func(b *bench) { b.tamper(`UPDATE events SET data = '[]' WHERE stream_id = ?1 AND version = 2`, id(1)) }},
		"unknown type":    {check.Newer, "unreadable: .*newer than this program", func(b *bench) { b.tamper(`UPDATE events SET type = 'X' WHERE stream_id = ?1 AND version = 2`, id(1)) }},
		"newer form": {check.Newer, "unreadable: .*newer than this program", func(b *bench) {
			b.tamper(`UPDATE events SET metadata = '{"schema":99}' WHERE stream_id = ?1 AND version = 2`, id(1))
		}},
		"two attempts open": {check.Illegal, "attempt Scheduling#1 was open", func(b *bench) { b.force(3, 2, domain.StepStarted{Step: s[0], Attempt: 2, Node: "m"}) }},
		"attempt repeated": {check.Illegal, "attempt 1 had been made", func(b *bench) {
			b.force(3, 2, domain.StepInterrupted{Step: s[0], Attempt: 1, Node: "n", Reason: "x"}, domain.StepStarted{Step: s[0], Attempt: 1, Node: "m"})
		}},
		"step skipped": {check.Illegal, "had completed", func(b *bench) {
			b.do(5, domain.Place{})
			b.force(5, 1, domain.StepStarted{Step: s[2], Attempt: 1, Node: "n"})
		}},
		"other attempt closed":  {check.Illegal, "was open", func(b *bench) { b.force(3, 2, domain.StepCompleted{Step: s[0], Attempt: 2, Node: "n"}) }},
		"other node closed":     {check.Illegal, "where the rules decide", func(b *bench) { b.force(3, 2, domain.StepCompleted{Step: s[0], Attempt: 1, Node: "other"}) }},
		"after the end":         {check.Illegal, "had ended", func(b *bench) { b.force(1, 10, domain.OrderFailed{Step: s[0]}) }},
		"while parked":          {check.Illegal, "parked", func(b *bench) { b.force(4, 2, domain.StepStarted{Step: s[0], Attempt: 1, Node: "n"}) }},
		"placed twice":          {check.Illegal, "placed already", func(b *bench) { b.force(3, 2, domain.OrderPlaced{}) }},
		"not placed":            {check.Illegal, "does not begin with OrderPlaced", func(b *bench) { b.force(6, 0, domain.StepStarted{Step: s[0], Attempt: 1, Node: "n"}) }},
		"completed too early":   {check.Illegal, "completed after", func(b *bench) { b.force(3, 2, domain.OrderCompleted{}) }},
		"rollback not reversed": {check.Illegal, "the steps to roll back were", func(b *bench) { b.failing(); b.force(7, 5, domain.StepRolledBack{Step: s[0], Attempt: 1, Node: "n"}) }},
		"rollback incomplete": {check.Illegal, "rolled back; Scheduling had completed", func(b *bench) {
			b.failing()
			b.force(7, 5, domain.StepRolledBack{Step: s[1], Attempt: 1, Node: "n"}, domain.OrderFailed{Step: s[1]})
		}},
		"decision torn": {check.Illegal, "must follow it", func(b *bench) {
			b.failing()
			b.force(7, 5, domain.StepRolledBack{Step: s[1], Attempt: 1, Node: "n"}, domain.StepRolledBack{Step: s[0], Attempt: 1, Node: "n"})
		}},
		"order without reservation": {check.Key, "the order has a tracking id and no reservation of it", func(b *bench) {
			b.tamper(`DELETE FROM reservations WHERE order_id = ?1`, id(1))
		}},
		"reservation of another order": {check.Key, "the order's tracking id is reserved for order", func(b *bench) {
			b.tamper(`UPDATE reservations SET order_id = ?1 WHERE order_id = ?2`, id(2), id(1))
		}},
		"reservation without order": {check.Key, "order 09000000-.*: its order is not in the log", func(b *bench) {
			b.tamper(`INSERT INTO reservations (key_hash, order_id, fingerprint, created_at) SELECT hash, ?1, hash, recorded_at FROM events WHERE position = 1 AND stream_id = ?2`, id(9), id(1))
		}},
		"reservation with other content": {check.Key, "its fingerprint", func(b *bench) {
			b.tamper(`UPDATE reservations SET fingerprint = ?1`, make([]byte, 32))
		}},
		"reservation of another time": {check.Key, "it was made at", func(b *bench) {
			b.tamper(`UPDATE reservations SET created_at = '2026-01-01T00:00:00.000000'`)
		}},
		"end cut off, checkpoint beyond": {check.BeyondHead, `the checkpoint of orders is at position 1000 of partition 0, and the log ends at \d+: run "orderflow projections rebuild"`, func(b *bench) {
			b.tamper(`UPDATE checkpoints SET position = 1000 WHERE partition = 0`)
		}},
		"end cut off, offset beyond": {check.BeyondHead, `the offset of g:t is at position 1000 of partition 1.*"orderflow offsets reset"`, func(b *bench) {
			b.tamper(`INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('g', 't', 1, 1000)`)
		}},
		"end cut off, message in flight": {check.BeyondHead, `the message in flight of g:t is at position 1000`, func(b *bench) {
			b.tamper(`INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
				SELECT 'g', 't', partition, 1000, 't', 1000, uuid, payload, metadata, 'n', 1, 1, 0, created_at, created_at FROM outbox WHERE uuid = ?1`, domain.EventID(order(3), 1))
		}},
		"end cut off, message": {check.BeyondHead, `the message of scheduling is at position 1000`, func(b *bench) {
			b.tamper(`UPDATE outbox SET position = 1000 WHERE uuid = ?1`, domain.EventID(order(1), 1))
		}},
		"order of a message in flight lost": {check.Orphan, `^orphan: order 09000000-.*: the message in flight g:t/\d+/1: its order is not in the log`, func(b *bench) {
			b.tamper(`INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
				SELECT 'g', 't', partition, 1, 't', 1, 'u', ?1, metadata, 'n', 1, 1, 0, created_at, created_at FROM outbox WHERE uuid = ?2`, work.EncodePayload(order(9)), domain.EventID(order(3), 1))
		}},
		"order of a dead letter lost": {check.Orphan, `the dead letter g:t/\d+/1: its order is not in the log`, func(b *bench) {
			b.tamper(`INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
				SELECT 'g', 't', partition, 1, 'u', ?1, metadata, 1, 1, 'r', created_at FROM outbox WHERE uuid = ?2`, work.EncodePayload(order(9)), domain.EventID(order(3), 1))
		}},
		"head of messages without events": {check.Hole, "the last message is 0 and the head says 1", func(b *bench) {
			b.tamper(`UPDATE heads SET head = 1 WHERE partition = -1`)
		}},
		"message lost": {check.Stuck, "neither waiting", func(b *bench) { b.tamper(`DELETE FROM outbox WHERE uuid = ?1`, domain.EventID(order(3), 1)) }},
		"offset past the message": {check.Stuck, "neither waiting", func(b *bench) {
			b.tamper(`INSERT INTO consumer_offsets (consumer_group, topic, partition, position) SELECT 'g', 'scheduling', partition, 1000 FROM heads`)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
				b := newBench(t, open(t))
				c.do(b)
				r := b.run(check.Config{})
				for _, v := range r.Violations {
					if v.Kind == c.kind && regexp.MustCompile(c.what).MatchString(v.String()) {
						return
					}
				}
				t.Errorf("no %s %q among %v", c.kind, c.what, r.Violations)
			})
		})
	}
}

// TestBeyond: what a node looks at before it starts names heads and messages that the log does not bear
// out, and the command that mends them.
func TestBeyond(t *testing.T) {
	cases := map[string]struct {
		what string
		do   func(b *bench)
	}{
		"right": {"", func(*bench) {}},
		"message beyond": {"the message of scheduling is at position 1000", func(b *bench) {
			b.tamper(`UPDATE outbox SET position = 1000 WHERE uuid = ?1`, domain.EventID(order(1), 1))
		}},
		"message beyond, of a topic that is read": {"the message of other is at position 1000", func(b *bench) {
			b.tamper(`INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('g', 'other', 0, 0)`)
			b.tamper(`UPDATE outbox SET position = 1000, topic = 'other' WHERE uuid = ?1`, domain.EventID(order(1), 1))
		}},
		"message of no event beyond": {"the message of scheduling is at position 5 of partition -1, and the log ends at 0", func(b *bench) {
			b.tamper(`UPDATE outbox SET position = 5, partition = -1 WHERE uuid = ?1`, domain.EventID(order(1), 1))
		}},
		"head ahead": {"the head is at position 1000", func(b *bench) {
			b.tamper(`UPDATE heads SET head = 1000 WHERE partition = ?1`, b.store.Partition(order(1)))
		}},
		"head behind": {"the head is at position 1 ", func(b *bench) {
			b.tamper(`UPDATE heads SET head = 1 WHERE partition = ?1`, b.store.Partition(order(1)))
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
				b := newBench(t, open(t))
				c.do(b)
				claims, err := check.Beyond(t.Context(), b.db)
				if err != nil || c.what == "" && len(claims) > 0 {
					t.Fatalf("%v, err %v", claims, err)
				}
				for _, claim := range claims {
					if claim.Mend == "orderflow offsets reset" && strings.Contains(claim.String(), c.what) {
						return
					}
				}
				if c.what != "" {
					t.Errorf("no %q among %v", c.what, claims)
				}
			})
		})
	}
}

// TestRun_running checks again and again while orders are placed and worked on: there
// must be no false alarm.
func TestRun_running(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		b := newBench(t, open(t))
		var wg sync.WaitGroup
		for w := range byte(4) {
			wg.Go(func() {
				for n := range byte(10) {
					id := 10 + 10*w + n
					b.do(id, domain.Place{})
					b.do(id, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
					b.do(id, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
				}
			})
		}
		ended := make(chan struct{})
		go func() { wg.Wait(); close(ended) }()
		for runs := 1; ; runs++ {
			if r := b.run(check.Config{Page: 7}); !r.Clean() {
				t.Errorf("a false alarm: %v", r.Violations)
			}
			select {
			case <-ended:
				t.Logf("%d checks", runs)
				return
			default:
			}
		}
	})
}

// failing makes order 7, whose second step has failed.
func (b *bench) failing() {
	const n = 7
	s := domain.Steps()
	b.do(n, domain.Place{})
	b.do(n, domain.StartStep{Step: s[0], Attempt: 1, Node: "n"})
	b.do(n, domain.CompleteStep{Step: s[0], Attempt: 1})
	b.do(n, domain.StartStep{Step: s[1], Attempt: 1, Node: "n"})
	b.do(n, domain.FailStep{Step: s[1], Attempt: 1, Error: "no"})
}

func TestRun_keeps(t *testing.T) {
	b := newBench(t, schematest.SQLite(t))
	b.tamper(`UPDATE events SET hash = ?1`, make([]byte, 32))
	views := func(context.Context) ([]check.Violation, error) {
		return []check.Violation{{OrderID: "o", What: "differs"}}, nil
	}
	r := b.run(check.Config{Keep: 2, Views: views})
	if len(r.Violations) != 2 || r.Found[check.Broken] != 27 || r.Found[check.View] != 1 || r.Clean() {
		t.Errorf("kept %d, found %v; want 2 kept of 27 and 1", len(r.Violations), r.Found)
	}
}
