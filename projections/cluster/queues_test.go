package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// message puts messages of a topic into the outbox of a partition, due so long ago.
func message(t *testing.T, db *schema.DB, topic string, partition, from, to int, ago time.Duration) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		for p := from; p <= to; p++ {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at)
				VALUES (?1, ?2, ?3, 'u', ?4, '{}', ?5)`, topic, partition, p, []byte("p"), schema.TimeArg(time.Now().Add(-ago)))
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func inHand(t *testing.T, db *schema.DB, topic string, position int, node string) {
	t.Helper()
	exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
			node, epoch, attempt, interruptions, claimed_at, available_at)
		VALUES ('workers', ?1, 0, ?2, ?1, ?2, 'u', ?3, '{}', ?4, 7, 1, 0, ?5, ?5)`, topic, position, []byte("p"), node, schema.TimeArg(time.Now()))
}

// TestSurveyor: what waits is what is behind the offsets, and what was given back.
func TestSurveyor(t *testing.T) {
	schematest.OnEach(t, 3, map[string]func(*testing.T, *schema.DB){"the queues": testSurvey})
}

func testSurvey(t *testing.T, db *schema.DB) {
	for partition, position := range []int{2, 0, 5} {
		exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('workers', 'scheduling', ?1, ?2)`, partition, position)
	}
	message(t, db, "scheduling", 0, 1, 2, 3*time.Hour)
	message(t, db, "scheduling", 0, 3, 3, time.Minute)
	message(t, db, "scheduling", 1, 1, 2, time.Hour)
	message(t, db, "scheduling", 2, 5, 5, 2*time.Hour)
	message(t, db, "elsewhere", 0, 1, 3, time.Hour)
	inHand(t, db, "scheduling", 1, "")
	inHand(t, db, "scheduling", 2, "a")
	inHand(t, db, "rollback", 3, "a")
	inHand(t, db, "rollback", 4, "a")
	exec(t, db, `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
		VALUES ('workers', 'processing', 0, 9, 'u', ?1, '{}', 1, 3, 'r', ?2)`, []byte("p"), schema.TimeArg(time.Now()))
	exec(t, db, `UPDATE heads SET head = 40 WHERE partition = 0`)
	exec(t, db, `UPDATE checkpoints SET position = 30 WHERE partition = 0`)

	q, asOf, err := NewSurveyor(db, "workers").Survey(t.Context())
	must(t, err)
	if since := time.Since(asOf); since < -time.Minute || since > time.Minute {
		t.Errorf("as of %s", asOf)
	}
	var got []string
	for _, x := range q.Topics {
		got = append(got, fmt.Sprintf("%s %d %d %d %d %d", x.Topic, x.Waiting, x.Returned, x.DeadLetters,
			ago(asOf, x.OldestAt), ago(asOf, x.KeptFrom)))
	}
	want := "scheduling 3 1 0 60 180, pre-processing 0 0 0 -1 -1, processing 0 0 1 -1 -1, post-processing 0 0 0 -1 -1, rollback 0 0 0 -1 -1"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("the queues are\n%s, want\n%s", text, want)
	}
	if text := fmt.Sprint(q.InFlight); text != "[{rollback a 7 2} {scheduling a 7 1}]" {
		t.Errorf("in flight are %s", text)
	}
	if len(q.Projections) == 0 || q.Projections[0].Head != 40 || q.Projections[0].Position != 30 || q.lag() != 10 {
		t.Errorf("the projections are %+v", q.Projections)
	}
}

// ago is how many minutes ago a time was; -1 for none.
func ago(now, at time.Time) int {
	if at.IsZero() {
		return -1
	}
	return int(now.Sub(at).Round(time.Minute).Minutes())
}

// TestSurveyor_most: what is more than is counted is told as more.
func TestSurveyor_most(t *testing.T) {
	db := schematest.SQLite(t)
	exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('workers', 'processing', 0, 0)`)
	exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10100) SELECT 'processing', 0, i, 'u', x'00', '{}', '2026-11-28T07:00:00.000000' FROM n`)
	q, _, err := NewSurveyor(db, "workers").Survey(t.Context())
	must(t, err)
	if got := q.Topics[2].Waiting; got != Most+1 {
		t.Errorf("%d wait, want %d for more than that", got, Most+1)
	}
}

// TestSurveyor_plan: what may be large is searched by key.
func TestSurveyor_plan(t *testing.T) {
	db := schematest.SQLite(t)
	for query, small := range map[string]int{waitingQuery(db.Dialect()): 0, inFlightQuery(db.Dialect()): 0, checkpointsQuery(db.Dialect()): 1} {
		args := []any{"workers"}
		if small > 0 {
			args = nil
		}
		got, scans := schematest.Plan(t, db, query, args...), 0
		for line := range strings.Lines(got) {
			switch line = strings.TrimSpace(line); {
			case !strings.HasPrefix(line, "SCAN "), line == "SCAN w", line == "SCAN x", line == "SCAN CONSTANT ROW", line == "SCAN lease_clock":
			default:
				scans++
			}
		}
		if scans > small || strings.Contains(got, "SCAN m") || strings.Contains(got, "SCAN e") {
			t.Errorf("%s\nis run so:\n%s", query, got)
		}
	}
}
