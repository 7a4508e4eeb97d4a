package inflight_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// fallsSilent has a process stand still from a statement of do on, until the test ends.
func fallsSilent(t *testing.T, db *schema.DB, statement string, do func(context.Context, *inflight.Nodes) error) {
	t.Helper()
	proxy, other := schematest.Through(t, db.DSN().URL.String())
	passed, ended := proxy.SilenceAfter(statement), make(chan error, 1)
	go func() { ended <- do(context.WithoutCancel(t.Context()), inflight.NewNodes(other)) }()
	select {
	case <-passed:
	case err := <-ended:
		t.Fatalf("it ended before it fell silent: %v", err)
	}
	t.Cleanup(func() {
		proxy.Cut()
		if err := <-ended; err == nil {
			t.Error("who got no answer says that it is done")
		}
	})
}

// wantRegistered registers nodes, each of them soon.
func wantRegistered(t *testing.T, db *schema.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	for range 5 {
		if _, err := inflight.NewNodes(db).Register(ctx, work.Node{Node: name("other")}, time.Hour); err != nil {
			t.Fatalf("another node, after %s: %v", time.Since(began).Round(time.Millisecond), err)
		}
	}
	t.Logf("5 others are registered after %s", time.Since(began).Round(time.Millisecond))
}

// TestNodes_silent: a process that falls silent in the middle keeps nobody from being registered.
func TestNodes_silent(t *testing.T) {
	schematest.NeedSQLServer(t)
	t.Run("when it has looked at who is registered", func(t *testing.T) {
		db, node := schematest.SQLServer(t), work.Node{Node: name("silent")}
		fallsSilent(t, db, "MAX(epoch)", func(ctx context.Context, nodes *inflight.Nodes) error {
			_, err := nodes.Register(ctx, node, time.Hour)
			return err
		})
		wantRegistered(t, db)
		if other := register(t, db, node); other.Epoch != 1 {
			t.Errorf("its name is given to another under epoch %d, want 1", other.Epoch)
		}
	})
	t.Run("when it has registered", func(t *testing.T) {
		db, node := schematest.SQLServer(t), work.Node{Node: name("silent")}
		fallsSilent(t, db, "INSERT INTO nodes", func(ctx context.Context, nodes *inflight.Nodes) error {
			_, err := nodes.Register(ctx, node, time.Hour)
			return err
		})
		wantRegistered(t, db)
		_, err := inflight.NewNodes(db).Register(t.Context(), node, time.Hour)
		var taken *work.NameTakenError
		if !errors.As(err, &taken) || taken.Holder.Epoch != 1 {
			t.Fatalf("its name: err = %v, want that it is taken by epoch 1", err)
		}
		expire(t, db, work.Tenure{Registration: work.Registration{Node: node.Node, Epoch: 1}})
		if again := register(t, db, node); again.Epoch != 2 {
			t.Errorf("it is registered again under epoch %d, want 2", again.Epoch)
		}
	})
	t.Run("while it raises the level", func(t *testing.T) {
		db := schematest.SQLServer(t)
		fallsSilent(t, db, "UPDATE compatibility", func(ctx context.Context, nodes *inflight.Nodes) error {
			_, err := nodes.EventLevel(ctx)
			return err
		})
		wantRegistered(t, db)
		for began, level := time.Now(), 0; level != domain.EventLevel; {
			c, err := db.Compatibility(t.Context())
			must(t, err)
			if level = c.EventLevel; time.Since(began) > patience {
				t.Fatalf("what it sent did not take place: the level is %d", level)
			}
		}
	})
}

// TestNodes_heldTurn: nodes that are registered do not take the turn of those that want to be, and do not wait for it.
func TestNodes_heldTurn(t *testing.T) {
	schematest.NeedSQLServer(t)
	db := schematest.SQLServer(t)
	tenure, nodes := register(t, db, work.Node{Node: name("node")}), inflight.NewNodes(db)
	schematest.Hold(t, db, 1, `UPDATE compatibility SET turns = turns + 1`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, nodes.Renew(ctx, tenure.Registration, work.NodeActive, 1, time.Hour))
	if err := nodes.Renew(ctx, work.Registration{Node: name("new")}, work.NodeActive, 0, time.Hour); !errors.Is(err, domain.ErrFenced) {
		t.Errorf("a rehearsed renewal: err = %v, want ErrFenced", err)
	}
	if _, err := nodes.Raise(ctx, domain.EventLevel); !errors.Is(err, schema.ErrBusy) {
		t.Errorf("to raise the level: err = %v, want ErrBusy", err)
	}
	must(t, nodes.Release(ctx, tenure.Registration))
}

// TestNodes_Renew_victim: a heartbeat that is chosen as a deadlock's victim is sent again.
func TestNodes_Renew_victim(t *testing.T) {
	schematest.NeedSQLServer(t)
	proxy, db := schematest.Through(t, schematest.SQLServer(t).DSN().URL.String())
	tenure := register(t, db, work.Node{Node: name("node")})
	proxy.GiveUp(2)
	must(t, inflight.NewNodes(db).Renew(t.Context(), tenure.Registration, work.NodeActive, 1, time.Hour))
}
