package main

import (
	"context"
	"strings"
	"testing"

	"orderflow/schema"
)

// TestE2E_AlteredView alters a row behind the system's back, while a node runs.
func TestE2E_AlteredView(t *testing.T) { onEachDatabase(t, testAlteredView) }

func testAlteredView(t *testing.T, db string) {
	p := start(t, db, "--step-duration", "10ms", "--step-failure-rate", "0")
	placed := p.api().place(10)
	p.untilEnded(len(placed))
	must(t, "projections", "verify", "--dsn", db)

	altered := placed[3]
	alter(t, db, `UPDATE orders SET status = 'Failed', completed_at = NULL WHERE tracking_id = ?1`, altered.tracking)
	r := orderflow(t, "projections", "verify", "--dsn", db)
	if r.code != exitFailed || !strings.Contains(r.stdout, altered.id) || !strings.Contains(r.stdout, "Failed") {
		t.Errorf("verify exited %d, want 1 and order %s named\n%s%s", r.code, altered.id, r.stdout, r.stderr)
	}
	for _, o := range placed {
		if o.id != altered.id && strings.Contains(r.stdout, o.id) {
			t.Errorf("verify names order %s, which nobody altered\n%s", o.id, r.stdout)
		}
	}
	if r := orderflow(t, "check", "--dsn", db); r.code != exitFailed || !strings.Contains(r.stdout, altered.id) {
		t.Errorf("check exited %d, want 1 and order %s named\n%s%s", r.code, altered.id, r.stdout, r.stderr)
	}

	must(t, "projections", "rebuild", "--dsn", db)
	must(t, "projections", "verify", "--dsn", db)
	must(t, "check", "--dsn", db)
	events, failed := p.api().checkHistory(altered)
	p.api().checkDetail(altered, events, failed)

	// The projector goes on, on the new table.
	o, err := p.api().placeOne("after", "1")
	if err != nil {
		t.Fatal(err)
	}
	p.untilEnded(len(placed) + 1)
	events, failed = p.api().checkHistory(o)
	p.api().checkDetail(o, events, failed)
	must(t, "projections", "verify", "--dsn", db)
}

// alter changes the database as somebody with a database tool would.
func alter(t *testing.T, path, statement string, args ...any) {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = db.InTx(t.Context(), func(tx *schema.Tx) error {
		result, err := tx.ExecContext(context.Background(), statement, args...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			t.Errorf("%s changed %d rows (err %v), want 1", statement, n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
