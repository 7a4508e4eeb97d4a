package messaging_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

func TestPublisher(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"order within a call":          testPublishOrder,
		"calls do not mix":             testPublishCalls,
		"what fails leaves no hole":    testPublishRollback,
		"what does not fit":            testPublishInvalid,
		"the context is the message's": testPublishContext,
		"closed":                       testPublishClosed,
	})
}

func TestOutbox(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"places, payload and metadata": testOutboxPlaces,
		"many messages at once":        testOutboxMany,
		"what does not fit":            testOutboxInvalid,
	})
}

// outbox reads the UUIDs of a topic in order of position, and the positions.
func outbox(t *testing.T, db *schema.DB, topic string) (uuids []string, positions []int64) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT uuid, position FROM outbox WHERE topic = ?1 ORDER BY partition, position`, topic)
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var uuid string
		var position int64
		must(t, rows.Scan(&uuid, &position))
		uuids, positions = append(uuids, uuid), append(positions, position)
	}
	must(t, rows.Err())
	return uuids, positions
}

// without is the head of the partition that has no events.
func without(t *testing.T, db *schema.DB) int64 {
	t.Helper()
	return count(t, db, `SELECT head FROM heads WHERE partition = -1`)
}

func testPublishOrder(t *testing.T, db *schema.DB) {
	topic, sent := name("topic"), numbered(150)
	before := without(t, db)
	publish(t, db, nil, topic, sent...)
	publish(t, db, nil, topic) // nothing
	got, positions := outbox(t, db, topic)
	if strings.Join(got, " ") != strings.Join(sent, " ") {
		t.Fatalf("published %v, stored %v", sent, got)
	}
	for i, p := range positions {
		if p != before+int64(i)+1 {
			t.Fatalf("message %d is at position %d after %d", i, p, before)
		}
	}
	if head := without(t, db); head != before+150 {
		t.Fatalf("the head went from %d to %d", before, head)
	}
}

func testPublishCalls(t *testing.T, db *schema.DB) {
	topic, pub := name("topic"), messaging.NewPublisher(db, nil, watermill.NopLogger{})
	var wg sync.WaitGroup
	for _, call := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for range 3 {
				if err := pub.Publish(topic, message.NewMessage(call+"1", nil), message.NewMessage(call+"2", nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	uuids, _ := outbox(t, db, topic)
	if len(uuids) != 24 {
		t.Fatalf("%d of 24 messages were stored", len(uuids))
	}
	for i := 0; i < len(uuids); i += 2 {
		if uuids[i][0] != uuids[i+1][0] || uuids[i] > uuids[i+1] {
			t.Fatalf("calls are mixed: %v", uuids)
		}
	}
}

func testPublishRollback(t *testing.T, db *schema.DB) {
	topic, pub := name("topic"), messaging.NewPublisher(db, nil, nil)
	before := without(t, db)
	if err := pub.Publish(topic, message.NewMessage("fits", nil), message.NewMessage(strings.Repeat("x", 129), nil)); !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("err = %v, want ErrInvalid", err)
	}
	publish(t, db, nil, topic, "next")
	if uuids, positions := outbox(t, db, topic); len(uuids) != 1 || positions[0] != before+1 {
		t.Fatalf("stored %v at %v after %d", uuids, positions, before)
	}
}

func testPublishInvalid(t *testing.T, db *schema.DB) {
	pub := messaging.NewPublisher(db, nil, nil)
	for what, topic := range map[string]string{"empty": "", "too long": strings.Repeat("x", 101), "quote": "a'b", "space": "a b", "umlaut": "größe"} {
		if err := pub.Publish(topic, message.NewMessage("a", nil)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("topic %s: err = %v, want ErrInvalid", what, err)
		}
	}
	longest := strings.Repeat("x", 88) + "-$:._AZaz09"
	longest += strings.Repeat("y", 100-len(longest))
	must(t, pub.Publish(longest, message.NewMessage(strings.Repeat("u", 128), nil)))
}

func testPublishContext(t *testing.T, db *schema.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := message.NewMessageWithContext(ctx, "a", nil)
	topic := name("topic")
	if err := messaging.NewPublisher(db, nil, nil).Publish(topic, m); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want Canceled", err)
	}
	if uuids, _ := outbox(t, db, topic); len(uuids) != 0 {
		t.Fatalf("stored %v", uuids)
	}
}

func testPublishClosed(t *testing.T, db *schema.DB) {
	pub := messaging.NewPublisher(db, nil, nil)
	must(t, pub.Close())
	must(t, pub.Close())
	if err := pub.Publish(name("topic"), message.NewMessage("a", nil)); !errors.Is(err, messaging.ErrClosed) {
		t.Fatalf("err = %v, want ErrClosed", err)
	}
}

func testOutboxPlaces(t *testing.T, db *schema.DB) {
	one, two, at := name("topic"), name("topic"), time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	all := []work.OutboxMessage{
		{Message: work.Message{Topic: one, UUID: "Größe 🐟", Payload: []byte{0, 0xff, 0x80}, Metadata: map[string]string{"ключ": "大"}}, Partition: 2, Position: 900, At: at},
		{Message: work.Message{Topic: two, UUID: "b"}, Partition: 2, Position: 901, At: at},
		{Message: work.Message{Topic: one, UUID: "c"}, Partition: 2, Position: 902, At: at},
	}
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		return insertIn(t.Context(), tx, all)
	}))
	for _, m := range all {
		var uuid, metadata string
		var payload []byte
		var created schema.Time
		must(t, db.QueryRowContext(t.Context(), `SELECT uuid, payload, metadata, created_at FROM outbox WHERE topic = ?1 AND partition = ?2 AND position = ?3`,
			m.Topic, m.Partition, m.Position).Scan(&uuid, &payload, &metadata, &created))
		want := "{}"
		if len(m.Metadata) > 0 {
			want = `{"ключ":"大"}`
		}
		if uuid != m.UUID || !bytes.Equal(payload, m.Payload) || metadata != want || !created.Equal(at) {
			t.Errorf("stored %q %q %s %s of %+v", uuid, payload, metadata, created, m)
		}
	}
}

// testOutboxMany sends more messages than fit in one statement.
func testOutboxMany(t *testing.T, db *schema.DB) {
	for _, n := range []int{17, 73, 74, 600} {
		topic, sent := name("topic"), numbered(n)
		placed(t, db, topic, 1, sent...)
		if got, _ := outbox(t, db, topic); strings.Join(got, " ") != strings.Join(sent, " ") {
			t.Fatalf("%d messages: stored %v", n, got)
		}
	}
}

func testOutboxInvalid(t *testing.T, db *schema.DB) {
	for what, m := range map[string]work.Message{
		"topic": {Topic: "a b", UUID: "a"},
		"UUID":  {Topic: name("topic"), UUID: strings.Repeat("x", 129)},
	} {
		err := db.InTx(t.Context(), func(tx *schema.Tx) error {
			return insertIn(t.Context(), tx, []work.OutboxMessage{{Message: m, Partition: 1, Position: 1}})
		})
		if !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", what, err)
		}
	}
}

func TestSchemaAdapter(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"insert needs a place":     testAdapterPlace,
		"insert is bounded":        testAdapterBound,
		"select reads what is new": testAdapterSelect,
		"makes no tables":          testAdapterInit,
	})
}

func testAdapterPlace(t *testing.T, db *schema.DB) {
	a := messaging.SchemaAdapter{Dialect: db.Dialect()}
	if q, err := a.InsertQuery("topic", message.Messages{message.NewMessage("a", nil)}); err == nil || !strings.Contains(err.Error(), "no place") {
		t.Fatalf("query %q, err = %v; want an error that says the message has no place", q.Query, err)
	}
	// watermill-sql's publisher cannot be used past Outbox and Publisher.
	p, err := wsql.NewPublisher(struct{ wsql.ContextExecutor }{}, wsql.PublisherConfig{SchemaAdapter: a}, nil)
	must(t, err)
	if err := p.Publish("topic", message.NewMessage("a", nil)); err == nil {
		t.Error("a message without a place was published")
	}
}

func testAdapterBound(t *testing.T, db *schema.DB) {
	a := messaging.SchemaAdapter{Dialect: db.Dialect()}
	for _, n := range []int{0, 257} {
		if _, err := a.InsertQuery("topic", make(message.Messages, n)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%d messages: err = %v, want ErrInvalid", n, err)
		}
	}
	sent := make(message.Messages, 256)
	for i, uuid := range numbered(256) {
		sent[i] = messaging.WithPosition(message.NewMessage(uuid, nil), 3, int64(5000+i))
	}
	topic := name("topic")
	q, err := a.InsertQuery(topic, sent)
	must(t, err)
	if n := exec(t, db, q.Query, q.Args...); n != 256 {
		t.Fatalf("%d rows of 256 were inserted", n)
	}
}

func testAdapterSelect(t *testing.T, db *schema.DB) {
	topic, a := name("topic"), messaging.SchemaAdapter{Dialect: db.Dialect()}
	placed(t, db, topic, 2, "d")
	placed(t, db, topic, 1, "a", "b", "c")
	s := subscriber(t, db, join(t, db), messaging.Config{})
	must(t, s.SubscribeInitialize(topic))
	must(t, s.SubscribeInitialize(topic))
	exec(t, db, `UPDATE consumer_offsets SET position = (SELECT MIN(position) FROM outbox WHERE topic = ?1 AND partition = 1) WHERE topic = ?1 AND partition = 1`, topic)
	q := a.SelectQuery(topic, "workers", nil)
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		rows, err := tx.QueryContext(t.Context(), q.Query, q.Args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for _, want := range []string{"b", "c", "d"} {
			if !rows.Next() {
				t.Fatalf("no row for %s: %v", want, rows.Err())
			}
			row, err := a.UnmarshalMessage(rows)
			must(t, err)
			if row.Msg.UUID != want || string(row.Msg.Payload) != want || row.Offset == 0 {
				t.Errorf("read %+v, want %s", row, want)
			}
		}
		if rows.Next() {
			t.Error("there are more rows")
		}
		return rows.Err()
	}))
	t.Run("not a row", func(t *testing.T) {
		if _, err := a.UnmarshalMessage(scanner{errors.New("no")}); err == nil {
			t.Fatal("no error")
		}
		if _, err := a.UnmarshalMessage(scanner{}); err == nil || !strings.Contains(err.Error(), "metadata") {
			t.Fatalf("err = %v, want one about the metadata", err)
		}
	})
}

// scanner is a row without metadata.
type scanner struct{ err error }

func (s scanner) Scan(...any) error { return s.err }

func testAdapterInit(t *testing.T, db *schema.DB) {
	if q := (messaging.SchemaAdapter{Dialect: db.Dialect()}).SchemaInitializingQueries("topic"); len(q) != 0 {
		t.Fatalf("the adapter would run %v", q)
	}
}
