package main

import (
	"context"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/eventstore/check"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// TestVictim: whoever asks the database something outside of a transaction gets the answer, although the server
// chooses the question as the victim of a deadlock.
func TestVictim(t *testing.T) {
	schematest.NeedSQLServer(t)
	direct := schematest.SQLServerDSN(t)
	for _, command := range []string{"migrate", "orders place --tracking-id t1 --detail {}"} {
		if r := call(append(strings.Fields(command), "--dsn", direct)...); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	proxy, dsn := schematest.NewProxy(t, direct)
	db, err := schema.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store, views, err := node.OpenStore(t.Context(), db, 0, nil, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	var id domain.OrderID
	if err := store.EachStream(t.Context(), 100, nil, func(stream []domain.Recorded) error { id = stream[0].OrderID; return nil }); err != nil {
		t.Fatal(err)
	}
	nodes := inflight.NewNodes(db)
	for name, ask := range map[string]func(context.Context) error{
		"stream":     func(ctx context.Context) error { _, err := store.Load(ctx, id); return err },
		"version":    func(ctx context.Context) error { _, err := store.Version(ctx, id); return err },
		"log":        func(ctx context.Context) error { _, err := store.ReadLog(ctx, 0, 0, 10); return err },
		"heads":      func(ctx context.Context) error { _, err := store.Heads(ctx); return err },
		"order":      func(ctx context.Context) error { _, err := views.Get(ctx, id); return err },
		"list":       func(ctx context.Context) error { _, err := views.List(ctx, projections.Filter{}); return err },
		"counts":     func(ctx context.Context) error { _, err := views.Counts(ctx); return err },
		"nodes":      func(ctx context.Context) error { _, err := nodes.List(ctx); return err },
		"level":      func(ctx context.Context) error { _, err := nodes.EventLevel(ctx); return err },
		"end of log": func(ctx context.Context) error { _, err := check.Beyond(ctx, db); return err },
		"deadletters": func(ctx context.Context) error {
			_, err := inflight.NewDeadLetters(db).Page(ctx, inflight.LetterFilter{}, "", 10)
			return err
		},
	} {
		before := db.Stats().Retries
		proxy.GiveUp(1)
		if err := ask(t.Context()); err != nil || db.Stats().Retries != before+1 {
			t.Errorf("%s: err %v after %d retries, want an answer after 1", name, err, db.Stats().Retries-before)
		}
	}
}
