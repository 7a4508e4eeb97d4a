package schema_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestConnections_atOnce: however many callers want a connection of a server that is slow to answer, it gets two
// log-ins at a time.
func TestConnections_atOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var logins atomic.Int64
	go func() {
		var silent []net.Conn // to which nothing is said
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			silent = append(silent, conn)
			logins.Add(1)
		}
		for _, conn := range silent {
			_ = conn.Close()
		}
	}()
	pool, err := schema.SQLServerPool("sqlserver://u:p@"+listener.Addr().String()+"?encrypt=disable", 20)
	if err != nil {
		t.Fatal(err)
	}
	const callers = 20
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() { _ = pool.PingContext(t.Context()) })
	}
	until(t, "all want a connection", func() bool { return logins.Load()+pool.Stats().WaitCount >= callers })
	if n := logins.Load(); n != 2 {
		t.Errorf("%d log-ins at once, want 2", n)
	}
	_ = listener.Close()
	wg.Wait()
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}

// TestConnections opens connections as they are needed, counts them, and does so again after all were lost.
func TestConnections(t *testing.T) {
	schematest.NeedSQLServer(t)
	proxy, db := schematest.Through(t, schematest.SQLServerDSN(t)+"&max_connections=8")
	if n := db.Stats().Connections; n != 1 {
		t.Errorf("%d connections were opened at first, want 1", n)
	}
	for _, most := range []int64{8, 16} {
		before := db.Stats()
		const callers = 40
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				err := schema.ErrBroken // until the lost ones have been found out
				for errors.Is(err, schema.ErrBroken) {
					err = db.InTx(t.Context(), func(tx *schema.Tx) error {
						_, err := tx.ExecContext(t.Context(), `SELECT COUNT(*) FROM sys.columns`)
						return err
					})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		after := db.Stats()
		if n := after.Connections; n < 2 || n > most {
			t.Errorf("%d callers at once have opened %d connections, want 2 to %d", callers, n, most)
		}
		if trips := after.RoundTrips - before.RoundTrips; most == 8 && trips != callers*3 {
			t.Errorf("%d transactions of a statement took %d round trips, want %d: log-ins are none", callers, trips, callers*3)
		}
		proxy.Cut()
	}
}

// until waits for a condition.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestDB_InTxUrgent: a registration does not wait for the work, which has all its connections in use.
func TestDB_InTxUrgent(t *testing.T) {
	schematest.NeedSQLServer(t)
	db, err := schema.Open(t.Context(), schematest.SQLServerDSN(t)+"&max_connections=2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	done := make(chan struct{})
	var inUse, ended sync.WaitGroup
	for range 2 {
		inUse.Add(1)
		ended.Go(func() {
			err := db.InTx(t.Context(), func(*schema.Tx) error { inUse.Done(); <-done; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	inUse.Wait()
	err = db.InTxUrgent(t.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(t.Context(), `SELECT 1`)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	close(done)
	ended.Wait()
}

// TestConnections_unanswered: log-ins that get no answer are given up, so that they do not keep others out for ever.
func TestConnections_unanswered(t *testing.T) {
	schematest.NeedSQLServer(t)
	proxy, dsn := schematest.NewProxy(t, schematest.SQLServerDSN(t)+"&dial+timeout=2")
	pool, err := schema.SQLServerPool(dsn, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	proxy.Silence(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begun := time.Now()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _ = pool.PingContext(ctx) })
	}
	wg.Wait()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("log-ins without an answer were given up after %s, want 2 s", took)
	}
	proxy.Silence(false) // what is on its way stays unanswered
	again, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := pool.PingContext(again); err != nil {
		t.Errorf("no connection was opened any more: %v", err)
	}
}

// TestConnections_kept: those who wait get connections of their own while others keep the first ones.
func TestConnections_kept(t *testing.T) {
	schematest.NeedSQLServer(t)
	pool, err := schema.SQLServerPool(schematest.SQLServerDSN(t), 8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			conn, err := pool.Conn(ctx)
			if err != nil {
				t.Errorf("a caller got no connection: %v", err)
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		})
	}
	wg.Wait()
}
