package inflight_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// TestClaimer_TakeOver is about which messages are taken over first, and which hold up others.
func TestClaimer_TakeOver(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"suspects hide nothing":                 testSuspectsLast,
		"a held row beside few slots":           func(t *testing.T, db *schema.DB) { testHeldRows(t, db, 1, 1) },
		"more held rows than slots":             func(t *testing.T, db *schema.DB) { testHeldRows(t, db, 4, 2) },
		"a held registration beside many slots": func(t *testing.T, db *schema.DB) { testHeldNode(t, db, 10, 50) },
		"a held registration beside one slot":   func(t *testing.T, db *schema.DB) { testHeldNode(t, db, 60, 1) },
	})
}

// lostWith has a node that was lost hold n messages of a topic, from a position on, that were interrupted before.
func lostWith(t *testing.T, db *schema.DB, topic string, from, n, interruptions int) work.Tenure {
	t.Helper()
	lost := joinReading(t, db, 1)
	for i := range n {
		exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
			node, epoch, attempt, interruptions, claimed_at, available_at)
			VALUES ('g', ?1, 0, ?2, ?1, ?2, ?3, ?4, '{}', ?5, ?6, 1, ?7, ?8, ?8)`,
			topic, from+i, fmt.Sprintf("%s/%d", topic, from+i), []byte("{}"), lost.Node, lost.Epoch, interruptions, schema.TimeArg(time.Now()))
	}
	expire(t, db, lost)
	return lost
}

// heir is a node that takes messages over, round by round.
type heir struct {
	*inflight.Claimer
	round inflight.Round
}

func newHeir(t *testing.T, db *schema.DB, free int, topics ...string) heir {
	t.Helper()
	return heir{
		inflight.NewClaimer(db, inflight.ClaimerConfig{Group: "g", Slots: 50, AloneAfter: 2, Losses: inflight.NewLosses(db, inflight.LossesConfig{})}),
		inflight.Round{Tenure: joinReading(t, db, 1), Topics: topics, Free: free},
	}
}

// returned reads what the next round takes over.
func (h heir) returned(t *testing.T) (all []inflight.Returned, uuids string) {
	t.Helper()
	sources, err := h.Look(t.Context(), h.round)
	must(t, err)
	all, err = h.Returned(t.Context(), h.round, sources)
	must(t, err)
	names := []string{}
	for _, x := range all {
		names = append(names, x.UUID)
	}
	return all, strings.Join(names, " ")
}

func testSuspectsLast(t *testing.T, db *schema.DB) {
	a, b := name("topic"), name("topic")
	lostWith(t, db, a, 1, 2, 5)
	lostWith(t, db, b, 1, 1, 0)
	for _, c := range []struct {
		free    int
		suspect bool
		want    string
	}{{1, true, b + "/1"}, {1, false, b + "/1"}, {2, false, b + "/1 " + a + "/1"}, {9, true, b + "/1"}, {9, false, b + "/1 " + a + "/1"}} {
		h := newHeir(t, db, c.free, a, b)
		h.round.Suspect = c.suspect
		if _, got := h.returned(t); got != c.want {
			t.Errorf("%d free slots, a suspect in hand %v: %q, want %q", c.free, c.suspect, got, c.want)
		}
	}
}

// meets has the transactions of an heir meet a locked row, for as long as one waits for it, in which a statement finds
// something: what they did to the rows that somebody holds.
func (h heir) meets(query string, args ...any) {
	inTx := h.InTx
	h.InTx = func(ctx context.Context, f func(*schema.Tx) error) error {
		return inTx(ctx, func(tx *schema.Tx) error {
			if err := f(tx); err != nil {
				return err
			}
			var n int
			if err := tx.QueryRowContext(ctx, query, args...).Scan(&n); err != nil || n == 0 {
				return err
			}
			time.Sleep(50 * time.Millisecond)
			return fmt.Errorf("%w: a test", schema.ErrBusy)
		})
	}
}

// wantFree wants an heir to take n messages over soon that nobody holds.
func (h heir) wantFree(t *testing.T, n int) {
	t.Helper()
	began, taken := time.Now(), 0
	for taken < n {
		if time.Since(began) > patience/3 {
			t.Fatalf("%d of %d messages that nobody holds were taken over in %s", taken, n, patience/3)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience/2)
		all, _ := h.returned(t)
		claims, err := h.TakeOver(ctx, all)
		cancel()
		if err != nil && !errors.Is(err, schema.ErrBusy) {
			t.Fatal(err)
		}
		taken += len(claims)
	}
	t.Logf("the messages that nobody holds were taken over in %s", time.Since(began).Round(time.Millisecond))
}

// testHeldRows: of a lost node's messages the first few are held.
func testHeldRows(t *testing.T, db *schema.DB, held, slots int) {
	topic := name("topic")
	lostWith(t, db, topic, 1, held+4, 0)
	h := newHeir(t, db, slots, topic)
	h.meets(`SELECT COUNT(*) FROM inflight WHERE topic = ?1 AND position <= ?2 AND node = ?3`, topic, held, h.round.Tenure.Node)
	h.wantFree(t, 4)
}

// testHeldNode: of two lost nodes the registration of the first is held.
func testHeldNode(t *testing.T, db *schema.DB, messages, slots int) {
	topic := name("topic")
	lost := lostWith(t, db, topic, 1, messages, 0)
	lostWith(t, db, topic, messages+1, 10, 0)
	h := newHeir(t, db, slots, topic)
	h.meets(`SELECT COUNT(*) FROM nodes WHERE node = ?1 AND state = ?2`, lost.Node, work.NodeLost)
	h.wantFree(t, 10)
}
