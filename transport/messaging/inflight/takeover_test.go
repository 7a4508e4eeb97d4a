package inflight_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// TestClaimer_TakeOver is about which messages are taken over first.
func TestClaimer_TakeOver(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"suspects hide nothing": testSuspectsLast,
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
