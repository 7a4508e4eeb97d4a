package inflight_test

import (
	"fmt"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// TestReadQueued gives the first messages that wait of each topic and partition, and no other.
func TestReadQueued(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		group, id := name("group"), domain.OrderID{15: 9}
		exec(t, db, `DELETE FROM outbox`)
		put := func(topic string, partition, position int) {
			exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES (?1, ?2, ?3, ?4, ?5, '{}', ?6)`,
				topic, partition, position, domain.EventID(id, position), []byte("{}"), schema.TimeArg(time.Now()))
		}
		for position := range 5 {
			put("scheduling", 0, 10+position)
			put("scheduling", 1, 20+position)
		}
		put("rollback", 1, 7)
		put("another", 1, 8)
		exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES (?1, 'scheduling', 0, 11)`, group)
		exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES (?1, 'scheduling', 1, 23)`, group)
		for most, want := range map[int]string{
			2: "rollback/1/7 scheduling/0/12 scheduling/0/13 scheduling/1/24 ",
			9: "rollback/1/7 scheduling/0/12 scheduling/0/13 scheduling/0/14 scheduling/1/24 ",
		} {
			all, err := inflight.ReadQueued(t.Context(), db, group, 2, most)
			must(t, err)
			got := ""
			for _, q := range all {
				got += fmt.Sprintf("%s/%d/%d ", q.Topic, q.Partition, q.Position)
				if q.OrderID != id || q.Version != int(q.Position) || time.Since(q.WrittenAt).Abs() > time.Minute {
					t.Errorf("it is %+v", q)
				}
			}
			if got != want {
				t.Errorf("%d at most of each: %s; want %s", most, got, want)
			}
		}
	}})
}

// TestReadInFlight: what is in flight is of the order and the event that the message names; one that no event caused is
// of none.
func TestReadInFlight(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		group, id, at := name("group"), domain.OrderID{15: 9}, schema.TimeArg(time.Now())
		for position, uuid := range []string{domain.EventID(id, 4), "by hand"} {
			exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at) VALUES (?1, 'scheduling', 1, ?2, 'processing', 11, ?3, ?4, '{}', 'n', 3, 2, 1, ?5, ?5)`,
				group, position, uuid, []byte("{}"), at)
			exec(t, db, `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
				VALUES (?1, 'rollback', 1, ?2, ?3, ?4, '{}', 3, 3, 'often', ?5)`, group, position, uuid, []byte("{}"), at)
		}
		want := work.Lease{
			Row: work.Row{Group: group, FirstTopic: "scheduling", Partition: 1}, Topic: "processing", Position: 11,
			Registration: work.Registration{Node: "n", Epoch: 3}, Attempt: 2, Interruptions: 1,
		}
		held, err := inflight.ReadInFlight(t.Context(), db, group, 9)
		must(t, err)
		if len(held) != 2 || held[0].OrderID != id || held[0].Version != 4 || held[0].Lease != want || held[0].Topic != "processing" || !held[1].OrderID.IsZero() {
			t.Errorf("in flight are %+v", held)
		}
		given, err := inflight.ReadGivenUp(t.Context(), db, group, 9)
		must(t, err)
		if len(given) != 2 || given[0].OrderID != id || given[0].Version != 4 || given[0].Letter.Attempt != 3 || given[0].Topic != "rollback" || !given[1].OrderID.IsZero() {
			t.Errorf("given up are %+v", given)
		}
		one, err := inflight.ReadInFlight(t.Context(), db, group, 1)
		if must(t, err); len(one) != 1 {
			t.Errorf("one at most are %d", len(one))
		}
	}})
}
