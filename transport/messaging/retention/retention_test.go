package retention_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/retention"
)

func TestRetention(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 4)
		t.Run("messages that every group has passed", func(t *testing.T) { testSweepPassed(t, db) })
		t.Run("in batches", func(t *testing.T) { testSweepBatches(t, db) })
		t.Run("several at once, beside claims", func(t *testing.T) { testSweepRace(t, db) })
		t.Run("registrations", func(t *testing.T) { testSweepNodes(t, db) })
		t.Run("messages without a registration", func(t *testing.T) { testSweepOrphans(t, db) })
		t.Run("nothing to do costs three statements", func(t *testing.T) { testSweepNothing(t, db) })
		t.Run("what does not fit", func(t *testing.T) { testSweepInvalid(t, db) })
		t.Run("a row that somebody holds", func(t *testing.T) { testSweepHeld(t, db) })
		t.Run("run", func(t *testing.T) { testRetentionRun(t, db) })
	})
}

// age makes the messages of a topic older.
func age(t *testing.T, db *schema.DB, topic string, by time.Duration) {
	t.Helper()
	exec(t, db, `UPDATE outbox SET created_at = ?2 WHERE topic = ?1`, topic, schema.TimeArg(time.Now().Add(-by)))
}

// pass moves a group's offsets of a topic to a position, in all partitions.
func pass(t *testing.T, db *schema.DB, group, topic string, position int64) {
	t.Helper()
	must(t, subscriber(t, db, join(t, db), messaging.Config{Group: group}).SubscribeInitialize(topic))
	exec(t, db, `UPDATE consumer_offsets SET position = ?3 WHERE consumer_group = ?1 AND topic = ?2`, group, topic, position)
}

func sweep(t *testing.T, r *retention.Sweeper) retention.Swept {
	t.Helper()
	done, err := r.Sweep(t.Context())
	must(t, err)
	return done
}

func testSweepPassed(t *testing.T, db *schema.DB) {
	topic, fast, slow := name("topic"), name("group"), name("group")
	placed(t, db, topic, 1, "a", "b", "c", "d")
	_, at := outbox(t, db, topic)
	pass(t, db, fast, topic, at[3])
	pass(t, db, slow, topic, at[1])
	r := retention.New(db, retention.Config{})
	age(t, db, topic, 9*time.Minute)
	if done := sweep(t, r); done.Messages != 0 {
		t.Fatalf("%d messages were removed too early", done.Messages)
	}
	age(t, db, topic, 11*time.Minute)
	if done := sweep(t, r); done.Messages != 2 {
		t.Fatalf("%d messages were removed, want 2", done.Messages)
	}
	if left, _ := outbox(t, db, topic); len(left) != 2 || left[0] != "c" || left[1] != "d" {
		t.Fatalf("left: %v; want what the slow group has not claimed", left)
	}
	pass(t, db, slow, topic, at[3])
	exec(t, db, `UPDATE outbox SET created_at = ?2 WHERE topic = ?1 AND uuid = 'd'`, topic, schema.TimeArg(time.Now()))
	if done := sweep(t, r); done.Messages != 1 {
		t.Fatalf("%d messages were removed, want the one that is old", done.Messages)
	}
	t.Run("not of a topic that nobody consumes", func(t *testing.T) {
		topic := name("topic")
		placed(t, db, topic, 1, "a")
		age(t, db, topic, 48*time.Hour)
		if done := sweep(t, r); done.Messages != 0 {
			t.Fatalf("%d messages were removed", done.Messages)
		}
	})
}

func testSweepBatches(t *testing.T, db *schema.DB) {
	topic := name("topic")
	for p := range 3 {
		placed(t, db, topic, p, numbered(25)...)
	}
	age(t, db, topic, time.Hour)
	pass(t, db, "workers", topic, 1<<40)
	before := db.Stats().Transactions
	done := sweep(t, retention.New(db, retention.Config{Batch: 10, Rest: time.Millisecond}))
	if done.Messages != 75 {
		t.Fatalf("%d messages were removed, want 75", done.Messages)
	}
	if n := db.Stats().Transactions - before; n != 9 {
		t.Errorf("3 times 25 messages by 10 took %d transactions, want 9", n)
	}
	t.Run("stops with its context", func(t *testing.T) {
		placed(t, db, topic, 1, numbered(25)...)
		age(t, db, topic, time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for count(t, db, `SELECT COUNT(*) FROM outbox WHERE topic = ?1`, topic) == 25 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		done, err := retention.New(db, retention.Config{Batch: 10, Rest: time.Hour}).Sweep(ctx)
		if !errors.Is(err, context.Canceled) || done.Messages != 10 {
			t.Fatalf("%+v, err = %v; want one batch and the context's error", done, err)
		}
	})
}

func testSweepRace(t *testing.T, db *schema.DB) {
	const partitions, each = 3, 40
	topic, m := name("topic"), join(t, db)
	for p := range partitions {
		placed(t, db, topic, p, numbered(each)...)
	}
	age(t, db, topic, time.Hour)
	var sweepers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for _, handle := range []*schema.DB{schematest.Again(t, db), schematest.Again(t, db)} {
		sweepers.Go(func() {
			r := retention.New(handle, retention.Config{Batch: 7, Rest: time.Millisecond, Every: time.Millisecond})
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	ch, seen := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 5}), topic), map[[2]int64]bool{}
	for range partitions * each {
		msg := take(t, ch)
		l := work.DeliveryFrom(msg.Context()).Lease()
		at := [2]int64{int64(l.Partition), l.Position}
		if seen[at] {
			t.Fatalf("partition and position %v came twice", at)
		}
		seen[at] = true
		msg.Ack()
	}
	for deadline := time.Now().Add(patience); count(t, db, `SELECT COUNT(*) FROM outbox WHERE topic = ?1`, topic) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("messages are left")
		}
	}
	stop()
	sweepers.Wait()
}

func testSweepNodes(t *testing.T, db *schema.DB) {
	const day = 24 * time.Hour
	ended := func(ago time.Duration, n work.Node) work.Tenure {
		tenure := register(t, db, n)
		exec(t, db, `UPDATE nodes SET expires_at = ?3 WHERE node = ?1 AND epoch = ?2`, tenure.Node, tenure.Epoch, schema.TimeArg(time.Now().Add(-ago)))
		return tenure
	}
	again := work.Node{Node: name("again")}
	gone := []work.Tenure{ended(61*time.Minute, again), ended(2*time.Hour, again), ended(31*day, work.Node{Node: name("node")})}
	kept := []work.Tenure{
		ended(59*time.Minute, again),                 // too fresh
		register(t, db, again),                       // good
		ended(29*day, work.Node{Node: name("node")}), // the last of its name
		register(t, db, work.Node{Node: name("node")}),
	}
	holds := ended(31*day, work.Node{Node: name("node")})
	exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
		VALUES ('workers', ?1, 0, 1, ?1, 1, 'held', ?2, '{}', ?3, ?4, 1, 0, ?5, ?5)`, name("topic"), []byte{}, holds.Node, holds.Epoch, schema.TimeArg(time.Now()))
	kept = append(kept, holds)
	for _, node := range []string{again.Node, name("gone")} {
		exec(t, db, `INSERT INTO probes (node, content, written_at) VALUES (?1, ?2, ?3)`, node, []byte("left"), schema.TimeArg(time.Now()))
	}
	for kind, of := range map[string]work.Registration{"gone": gone[0].Registration, "there": kept[1].Registration, "name": {Node: name("gone")}} {
		exec(t, db, `INSERT INTO controls (kind, name, value, epoch, actor, reason, set_at) VALUES (?1, ?2, 'draining', ?3, 'a', 'r', ?4)`,
			kind, of.Node, of.Epoch, schema.TimeArg(time.Now()))
	}
	minutes := map[time.Duration]int64{24*time.Hour + 59*time.Minute: 1, 25*time.Hour + time.Minute: 0, 31 * day: 0}
	for ago := range minutes {
		exec(t, db, `INSERT INTO minutes (closed_at, node, content) VALUES (?1, ?2, '{}')`, schema.TimeArg(time.Now().Add(-ago)), ago.String())
	}
	if done := sweep(t, retention.New(db, retention.Config{})); done.Nodes != int64(len(gone)) {
		t.Errorf("%d registrations were removed, want %d", done.Nodes, len(gone))
	}
	for _, tenure := range kept {
		if count(t, db, `SELECT COUNT(*) FROM nodes WHERE node = ?1 AND epoch = ?2`, tenure.Node, tenure.Epoch) != 1 {
			t.Errorf("%s/%d is not there any more", tenure.Node, tenure.Epoch)
		}
	}
	for kind, want := range map[string]int64{"gone": 0, "there": 1, "name": 1} {
		if n := count(t, db, `SELECT COUNT(*) FROM controls WHERE kind = ?1`, kind); n != want {
			t.Errorf("%d controls of a registration that is %s, want %d", n, kind, want)
		}
	}
	if n := count(t, db, `SELECT COUNT(*) FROM probes WHERE node = ?1`, again.Node); n != 1 {
		t.Errorf("%d probes of a node that is there, want 1", n)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM probes WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = probes.node)`); n != 0 {
		t.Errorf("%d probes of nodes that are not there", n)
	}
	for ago, want := range minutes {
		if n := count(t, db, `SELECT COUNT(*) FROM minutes WHERE node = ?1`, ago.String()); n != want {
			t.Errorf("%d rows of a minute that was %s ago, want %d", n, ago, want)
		}
	}
	for _, tenure := range gone {
		if count(t, db, `SELECT COUNT(*) FROM nodes WHERE node = ?1 AND epoch = ?2`, tenure.Node, tenure.Epoch) != 0 {
			t.Errorf("%s/%d is still there", tenure.Node, tenure.Epoch)
		}
	}
	again.Epoch = 4 // the good one is its own
	if next := register(t, db, again); next.Epoch != 5 {
		t.Errorf("epoch %d follows 4", next.Epoch)
	}
}

// testSweepHeld: a row that somebody holds keeps its own partition from being swept, at most, and that only as
// long as it is held.
func testSweepHeld(t *testing.T, db *schema.DB) {
	if db.Dialect().OneWriter() {
		t.Skip("nobody can hold a row and let others write")
	}
	topic := name("topic")
	for p := range 3 {
		placed(t, db, topic, p, numbered(5)...)
	}
	age(t, db, topic, time.Hour)
	pass(t, db, "workers", topic, 1<<40)
	_, at := outbox(t, db, topic)
	r := retention.New(db, retention.Config{Rest: time.Millisecond})
	release := schematest.Hold(t, db, 1, `UPDATE outbox SET metadata = '{"held":""}' WHERE topic = ?1 AND partition = 0 AND position = ?2`, topic, at[1])
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	done, err := r.Sweep(ctx)
	if err != nil && !errors.Is(err, schema.ErrBusy) || done.Messages < 10 {
		t.Errorf("swept %+v, %v; want all other partitions, and ErrBusy if this one is not passed over", done, err)
	}
	t.Logf("the sweep took %s", time.Since(begun).Round(time.Millisecond))
	release()
	sweep(t, r)
	if left, _ := outbox(t, db, topic); len(left) != 0 {
		t.Errorf("%d messages are left, want none", len(left))
	}
}

func testSweepOrphans(t *testing.T, db *schema.DB) {
	m, heir, topic := join(t, db), join(t, db), name("topic")
	placed(t, db, topic, 1, "work")
	take(t, subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 1}), topic))
	exec(t, db, `DELETE FROM nodes WHERE node = ?1`, m.Node)
	if done := sweep(t, retention.New(db, retention.Config{})); done.Recovered != 1 {
		t.Fatalf("%d messages were recovered, want 1", done.Recovered)
	}
	var node string
	var interruptions int
	var available schema.Time
	must(t, db.QueryRowContext(t.Context(), `SELECT node, interruptions, available_at FROM inflight WHERE topic = ?1`, topic).Scan(&node, &interruptions, &available))
	if node != "" || interruptions != 1 || time.Until(available.Time) < 50*time.Second {
		t.Fatalf("in flight on %q, %d interruptions, available at %s; want it to be nobody's, in a minute", node, interruptions, available)
	}
	exec(t, db, `UPDATE inflight SET available_at = claimed_at WHERE topic = ?1`, topic)
	l := work.DeliveryFrom(take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)).Context()).Lease()
	if l.Node != heir.Node || l.Epoch != heir.Epoch || l.Attempt != 2 || l.Interruptions != 1 {
		t.Errorf("the lease is %+v; want it to be %s's, attempt 2, 1 interruption", l, heir.Node)
	}
}

func testSweepNothing(t *testing.T, db *schema.DB) {
	sweep(t, retention.New(db, retention.Config{}))
	before := db.Stats()
	if done := sweep(t, retention.New(db, retention.Config{})); done != (retention.Swept{}) {
		t.Fatalf("swept %+v", done)
	}
	after := db.Stats()
	if after.Statements-before.Statements != 3 || after.Transactions != before.Transactions {
		t.Fatalf("%d statements and %d transactions", after.Statements-before.Statements, after.Transactions-before.Transactions)
	}
}

func testSweepInvalid(t *testing.T, db *schema.DB) {
	for what, c := range map[string]retention.Config{
		"keep":  {Keep: -1},
		"nodes": {KeepNodes: -1},
		"every": {Every: -1},
		"rest":  {Rest: -1},
		"batch": {Batch: -1},
	} {
		r := retention.New(db, c)
		if _, err := r.Sweep(t.Context()); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", what, err)
		}
		if err := r.Run(t.Context()); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: Run: err = %v, want ErrInvalid", what, err)
		}
	}
}

// testRetentionRun sweeps again and again, also after a sweep that failed.
func testRetentionRun(t *testing.T, db *schema.DB) {
	topic, log := name("topic"), new(errorLog)
	pass(t, db, "workers", topic, 1<<40)
	broken := schematest.Again(t, db)
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() {
		over <- retention.New(db, retention.Config{Every: 10 * time.Millisecond, Logger: log.entry()}).Run(ctx)
	}()
	for range 2 {
		placed(t, db, topic, 1, "old")
		age(t, db, topic, time.Hour)
		for deadline := time.Now().Add(patience); ; {
			if left, _ := outbox(t, db, topic); len(left) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the message was not removed")
			}
		}
	}
	stop()
	must(t, <-over)
	if n := log.errors.Load(); n != 0 {
		t.Errorf("%d errors were logged", n)
	}
	t.Run("logs what failed", func(t *testing.T) {
		must(t, broken.Close())
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() {
			over <- retention.New(broken, retention.Config{Every: time.Millisecond, Logger: log.entry()}).Run(ctx)
		}()
		for deadline := time.Now().Add(patience); log.errors.Load() < 2; {
			if time.Now().After(deadline) {
				t.Fatal("nothing was logged")
			}
		}
		stop()
		must(t, <-over)
	})
}

// errorLog counts errors.
type errorLog struct{ errors atomic.Int64 }

func (l *errorLog) entry() *logrus.Entry {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.AddHook(l)
	return logrus.NewEntry(logger)
}

func (*errorLog) Levels() []logrus.Level { return []logrus.Level{logrus.ErrorLevel} }

func (l *errorLog) Fire(*logrus.Entry) error {
	l.errors.Add(1)
	return nil
}
