package messaging_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

func TestDeadLetters(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"park":                            testPark,
		"park under a lost lease":         testParkLost,
		"requeue":                         testRequeue,
		"requeue is all or nothing":       testRequeueTx,
		"discard":                         testDiscard,
		"of what is not there":            testNoLetter,
		"two who decide on one":           testLetterRace,
		"attempts count on after a while": testRequeueAttempts,
	})
}

// parked has a node claim a message and park it.
func parked(t *testing.T, db *schema.DB, topic string) (inflight.LetterKey, work.Lease) {
	t.Helper()
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: 1})
	msg := take(t, subscribe(t, s, topic))
	l := lease(msg)
	must(t, inflight.NewDeadLetters(db).Park(t.Context(), l, "it cannot be read"))
	delivery(msg).Settled()
	msg.Ack()
	must(t, s.Close())
	return inflight.LetterKey{Group: l.Group, Topic: l.Topic, Partition: l.Partition, Position: l.Position}, l
}

// letters lists the dead letters of a topic.
func letters(t *testing.T, db *schema.DB, topic string) []inflight.DeadLetter {
	t.Helper()
	page, err := inflight.NewDeadLetters(db).Page(t.Context(), inflight.LetterFilter{Topics: []string{topic}}, "", inflight.MaxLetters)
	must(t, err)
	return page.Letters
}

func testPark(t *testing.T, db *schema.DB) {
	topic := name("topic")
	key, _ := parked(t, db, topic)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("in flight: %+v", rows)
	}
	all := letters(t, db, topic)
	if len(all) != 1 || all[0].LetterKey != key || all[0].Reason != "it cannot be read" || all[0].Payload != "work" || all[0].UUID != "work" || all[0].Attempt != 1 {
		t.Fatalf("dead letters: %+v", all)
	}
	text, err := json.Marshal(all[0])
	must(t, err)
	for _, field := range []string{`"group":"workers"`, `"topic":"` + topic, `"partition":-1`, `"position":`, `"uuid":"work"`, `"payload":"work"`,
		`"attempt":1`, `"interruptions":0`, `"reason":"it cannot be read"`, `"parked_at":"20`} {
		if !strings.Contains(string(text), field) {
			t.Errorf("the JSON has no %s: %s", field, text)
		}
	}
}

func testParkLost(t *testing.T, db *schema.DB) {
	topic := name("topic")
	l := lease(lone(t, db, join(t, db), topic))
	exec(t, db, `UPDATE inflight SET attempt = 2 WHERE topic = ?1`, topic)
	if err := inflight.NewDeadLetters(db).Park(t.Context(), l, "no"); !errors.Is(err, domain.ErrFenced) {
		t.Fatalf("err = %v, want ErrFenced", err)
	}
	if len(letters(t, db, topic)) != 0 || len(inFlight(t, db, topic)) != 1 {
		t.Fatal("a lost lease changed something")
	}
}

func testRequeue(t *testing.T, db *schema.DB) {
	topic := name("topic")
	key, old := parked(t, db, topic)
	exec(t, db, `UPDATE dead_letters SET attempt = 4, interruptions = 3 WHERE topic = ?1`, topic)
	must(t, inflight.NewDeadLetters(db).Requeue(t.Context(), key))
	if all := letters(t, db, topic); len(all) != 0 {
		t.Fatalf("still a dead letter: %+v", all)
	}
	settle(t, db, old, work.SettleDone, false)
	heir := join(t, db)
	msg := take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic))
	wantLease(t, msg, heir.Tenure, 5, 0)
	if msg.UUID != "work" || string(msg.Payload) != "work" {
		t.Fatalf("got %s %s", msg.UUID, msg.Payload)
	}
}

func testRequeueTx(t *testing.T, db *schema.DB) {
	topic, failure, letters0 := name("topic"), errors.New("no"), inflight.NewDeadLetters(db)
	key, _ := parked(t, db, topic)
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		return errors.Join(letters0.RequeueTx(t.Context(), tx, key), failure)
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	if len(letters(t, db, topic)) != 1 || len(inFlight(t, db, topic)) != 0 {
		t.Fatal("what was rolled back is not as it was")
	}
}

func testDiscard(t *testing.T, db *schema.DB) {
	topic := name("topic")
	key, _ := parked(t, db, topic)
	other, _ := parked(t, db, name("topic"))
	must(t, inflight.NewDeadLetters(db).Discard(t.Context(), key))
	if len(letters(t, db, topic)) != 0 || len(inFlight(t, db, topic)) != 0 {
		t.Fatal("the message is still there")
	}
	if len(letters(t, db, other.Topic)) != 1 {
		t.Fatal("another letter was discarded too")
	}
}

func testNoLetter(t *testing.T, db *schema.DB) {
	key, _ := parked(t, db, name("topic"))
	d := inflight.NewDeadLetters(db)
	for what, k := range map[string]inflight.LetterKey{
		"group":     {Group: "other", Topic: key.Topic, Partition: key.Partition, Position: key.Position},
		"topic":     {Group: key.Group, Topic: "other", Partition: key.Partition, Position: key.Position},
		"partition": {Group: key.Group, Topic: key.Topic, Partition: 99, Position: key.Position},
		"position":  {Group: key.Group, Topic: key.Topic, Partition: key.Partition, Position: key.Position + 1},
	} {
		if err := d.Requeue(t.Context(), k); !errors.Is(err, domain.ErrNotFound) || !strings.Contains(err.Error(), k.String()) {
			t.Errorf("requeue with another %s: err = %v, want ErrNotFound with the key", what, err)
		}
		if err := d.Discard(t.Context(), k); !errors.Is(err, domain.ErrNotFound) || !strings.Contains(err.Error(), k.String()) {
			t.Errorf("discard with another %s: err = %v, want ErrNotFound with the key", what, err)
		}
	}
	must(t, d.Discard(t.Context(), key))
}

func testLetterRace(t *testing.T, db *schema.DB) {
	key, _ := parked(t, db, name("topic"))
	outcomes := make(chan error, 4)
	for _, handle := range []*schema.DB{db, schematest.Again(t, db)} {
		d := inflight.NewDeadLetters(handle)
		go func() { outcomes <- d.Requeue(t.Context(), key) }()
		go func() { outcomes <- d.Discard(t.Context(), key) }()
	}
	won := 0
	for range cap(outcomes) {
		if err := <-outcomes; err == nil {
			won++
		} else if !errors.Is(err, domain.ErrNotFound) {
			t.Error(err)
		}
	}
	if won != 1 || len(inFlight(t, db, key.Topic)) > 1 || len(letters(t, db, key.Topic)) != 0 {
		t.Fatalf("%d of 4 succeeded, in flight: %v", won, inFlight(t, db, key.Topic))
	}
}

// testRequeueAttempts parks a message again after it was requeued.
func testRequeueAttempts(t *testing.T, db *schema.DB) {
	topic, d := name("topic"), inflight.NewDeadLetters(db)
	key, _ := parked(t, db, topic)
	for attempt := 2; attempt <= 4; attempt++ {
		must(t, d.Requeue(t.Context(), key))
		m := join(t, db)
		s := subscriber(t, db, m, messaging.Config{Slots: 1})
		msg := take(t, subscribe(t, s, topic))
		wantLease(t, msg, m.Tenure, attempt, 0)
		must(t, d.Park(t.Context(), lease(msg), "again"))
		msg.Ack()
		must(t, s.Close())
	}
}

func TestParseLetterKey(t *testing.T) {
	want := inflight.LetterKey{Group: "workers", Topic: "pre-processing", Partition: 3, Position: 4711}
	if got, err := inflight.ParseLetterKey(want.String()); err != nil || got != want {
		t.Errorf("%s is read as %s, err %v", want, got, err)
	}
	for _, bad := range []string{"", "a", "a:b", "a:b/1", ":b/1/2", "a:b/x/2", "a:b/1/x", "a:b/1/2/3"} {
		if got, err := inflight.ParseLetterKey(bad); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q is read as %s, err %v; want ErrInvalid", bad, got, err)
		}
	}
}
