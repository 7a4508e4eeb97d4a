package messaging_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
)

func TestRetention_Round(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		t.Run("messages", func(t *testing.T) { retainMessages(t, open(t)) })
		t.Run("nodes", func(t *testing.T) { retainNodes(t, open(t)) })
	})
}

// exec runs statements in one transaction.
func exec(t *testing.T, db *schema.DB, query string, rows ...[]any) {
	t.Helper()
	err := db.InTx(context.Background(), func(tx *schema.Tx) error {
		for _, args := range rows {
			if _, err := tx.ExecContext(context.Background(), query, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// texts gives the values of one column.
func texts(t *testing.T, db *schema.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func retainMessages(t *testing.T, db *schema.DB) {
	const keep = time.Hour
	now := time.Now()
	old, fresh := now.Add(-2*keep), now.Add(-keep/2)
	var messages [][]any
	add := func(topic string, position int, at time.Time) {
		messages = append(messages, []any{topic, 0, position, fmt.Sprintf("%s-%d", topic, position), []byte("{}"), "{}", schema.TimeArg(at)})
	}
	for i := 1; i <= 7; i++ {
		add("claimed", i, old) // more than two batches
		add("waiting", i, old)
		add("unheard", i, old)
	}
	add("claimed", 8, fresh)
	add("claimed", 9, old) // behind one that is kept
	exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`, messages...)
	exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES (?1, ?2, ?3, ?4)`,
		[]any{"workers", "claimed", 0, 9}, []any{"workers", "waiting", 0, 7}, []any{"slow", "waiting", 0, 5})

	r := messaging.NewRetention(db, messaging.RetentionConfig{Keep: keep, Batch: 3, Rest: time.Nanosecond})
	if err := r.Round(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := texts(t, db, `SELECT uuid FROM outbox ORDER BY topic, position`)
	want := []string{
		"claimed-8", "claimed-9",
		"unheard-1", "unheard-2", "unheard-3", "unheard-4", "unheard-5", "unheard-6", "unheard-7",
		"waiting-6", "waiting-7",
	}
	if !slices.Equal(got, want) {
		t.Errorf("kept are %q, want %q", got, want)
	}

	before := db.Stats().Transactions
	if err := r.Round(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := db.Stats().Transactions - before; n > 1 {
		t.Errorf("a round without work made %d transactions, want 1 at most", n)
	}
}

func retainNodes(t *testing.T, db *schema.DB) {
	const day = 24 * time.Hour
	var nodes, inflight [][]any
	add := func(node string, epoch int, expired time.Duration) {
		at := schema.TimeArg(time.Now().Add(-expired))
		nodes = append(nodes, []any{node, epoch, at})
	}
	add("replaced", 1, 2*day)
	add("replaced", 2, 2*day)
	add("alive", 1, -day)
	add("gone", 1, 31*day)
	add("holding", 1, 31*day)
	add("ended", 1, time.Hour)
	add("ended", 2, time.Minute)
	inflight = append(inflight, []any{"holding", 1, schema.TimeArg(time.Now())})
	exec(t, db, `INSERT INTO nodes (node, epoch, state, slots, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at)
		VALUES (?1, ?2, 'active', 1, '', 1, '', '', '', ?3, ?3, ?3)`, nodes...)
	exec(t, db, `INSERT INTO inflight (consumer_group, topic, partition, position, uuid, payload, metadata, node, epoch, attempt, claimed_at, available_at)
		VALUES ('workers', 'a', 0, 1, 'u', ?4, '{}', ?1, ?2, 1, ?3, ?3)`, append(inflight[0], []byte("{}")))

	if err := messaging.NewRetention(db, messaging.RetentionConfig{Keep: day}).Round(context.Background()); err != nil {
		t.Fatal(err)
	}
	left, err := messaging.NewNodes(db).List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range left {
		got = append(got, fmt.Sprintf("%s-%d", n.Node, n.Epoch))
	}
	slices.Sort(got)
	if want := []string{"alive-1", "ended-1", "ended-2", "holding-1", "replaced-2"}; !slices.Equal(got, want) {
		t.Errorf("kept are %q, want %q", got, want)
	}
}
