package inflight_test

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// TestReadWaiting is about a message in the outbox, before and after its group has come to it.
func TestReadWaiting(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		topic, group := name("topic"), name("group")
		c := work.Cause{Topic: topic, Partition: 1, Position: 7}
		want := func(when string, queued bool, letter string) {
			t.Helper()
			w, err := inflight.ReadWaiting(t.Context(), db, group, c, "f")
			must(t, err)
			got := ""
			if w.Letter != nil {
				got = w.Letter.String() + ": " + w.Letter.Reason
			}
			if w.Queued != queued || got != letter {
				t.Errorf("%s: it waits: %t, its letter: %q; want %t, %q", when, w.Queued, got, queued, letter)
			}
		}
		want("nowhere", false, "")
		at := schema.TimeArg(time.Now())
		exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES (?1, 1, 7, 'u', ?2, '{}', ?3)`, topic, []byte("{}"), at)
		want("where no group has begun", true, "")
		exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES (?1, ?2, 1, 6)`, group, topic)
		want("behind the offset", true, "")
		exec(t, db, `UPDATE consumer_offsets SET position = 7 WHERE consumer_group = ?1 AND topic = ?2`, group, topic)
		want("at the offset", false, "")
		exec(t, db, `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
			VALUES (?1, ?2, 1, 7, 'u', ?3, '{}', 3, 3, 'often', ?4)`, group, topic, []byte("{}"), at)
		want("given up", false, group+":"+topic+"/1/7: often")
	}})
}

// TestReadHeld: the row of an order is found by the key of any of its messages, whichever it holds now.
func TestReadHeld(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		group := name("group")
		causes := []work.Cause{{Topic: "scheduling", Partition: 1, Position: 7}, {Topic: "pre-processing", Partition: 1, Position: 9}, {Topic: "rollback", Partition: 1, Position: 12}}
		at := schema.TimeArg(time.Now())
		insert := func(partition, position int) {
			exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at) VALUES (?1, 'pre-processing', ?2, ?3, 'processing', 11, 'u', ?4, '{}', 'n', 3, 2, 1, ?5, ?5)`,
				group, partition, position, []byte("{}"), at)
		}
		insert(0, 9) // of other orders
		insert(1, 8)
		insert(1, 10)
		none, err := inflight.ReadHeld(t.Context(), db, group, causes)
		must(t, err)
		insert(1, 9)
		held, err := inflight.ReadHeld(t.Context(), db, group, causes)
		must(t, err)
		want := work.Lease{
			Row: work.Row{Group: group, FirstTopic: "pre-processing", Partition: 1, FirstPosition: 9}, Topic: "processing", Position: 11,
			Registration: work.Registration{Node: "n", Epoch: 3}, Attempt: 2, Interruptions: 1,
		}
		if len(none) > 0 || len(held) != 1 || held[0].Lease != want || held[0].ClaimedAt.IsZero() {
			t.Errorf("held are %+v, and before %+v; want %+v, and none", held, none, want)
		}
	}})
}

// TestReadRoster: registrations are judged by the clock of the database, and there is a time also where there are none.
func TestReadRoster(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		exec(t, db, `DELETE FROM nodes`)
		empty, err := inflight.ReadRoster(t.Context(), db, work.Registration{})
		must(t, err)
		if len(empty.Nodes) > 0 || empty.OtherClock || time.Since(empty.Now).Abs() > time.Minute {
			t.Errorf("of no nodes it is %+v", empty)
		}
		live, gone, stopped, old := joinReading(t, db, 1), joinReading(t, db, 1), joinReading(t, db, 1), joinReading(t, db, 1)
		expire(t, db, gone)
		must(t, inflight.NewNodes(db).Release(t.Context(), stopped.Registration))
		exec(t, db, `UPDATE nodes SET state = ?1, expires_at = `+db.Dialect().NowPlus("?2")+` WHERE node = ?3`, work.NodeLost, -2*24*60*60*1000, old.Node)
		of, err := inflight.ReadRoster(t.Context(), db, old.Registration)
		must(t, err)
		if len(of.Nodes) != 4 {
			t.Errorf("with the owner, which was lost two days ago, there are %+v", of.Nodes)
		}
		for _, step := range []string{"Processing", "Scheduling"} {
			exec(t, db, `INSERT INTO controls (kind, name, value, epoch, actor, reason, set_at) VALUES (?1, ?2, 'paused', 0, 'operator:ann', 'hot', ?3)`,
				work.ControlStep, step, schema.TimeArg(time.Now()))
		}
		r, err := inflight.ReadRoster(t.Context(), db, work.Registration{})
		must(t, err)
		if c := r.Paused.Paused(domain.Processing); len(empty.Paused) > 0 || len(r.Paused) != 2 || len(r.Nodes) != 3 || c == nil || c.Reason != "hot" || c.Actor != "operator:ann" || c.SetAt.IsZero() {
			t.Errorf("paused are %+v, of %d nodes; want two, of three", r.Paused, len(r.Nodes))
		}
		expired := map[string]bool{}
		for _, n := range r.Nodes {
			expired[n.Node] = n.Expired
			if n.ExpiresAt.After(r.Now) == n.Expired || n.HeartbeatAt.IsZero() || (n.State == work.NodeStopped) != (n.Node == stopped.Node) {
				t.Errorf("as of %s there is %+v", r.Now, n)
			}
		}
		if len(expired) != 3 || expired[live.Node] || !expired[gone.Node] || !expired[stopped.Node] {
			t.Errorf("expired are %v, want %s and %s of three", expired, gone.Node, stopped.Node)
		}
	}})
}
