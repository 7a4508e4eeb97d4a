package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestE2E_NewerEvent has a node meet an order that a newer program wrote: it is neither parked nor
// counted as interrupted, the node says so once and is not ready, and works on everything else.
func TestE2E_NewerEvent(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "newer.db")
	must(t, "migrate", "--dsn", db)
	id := strings.TrimSpace(must(t, "orders", "place", "--dsn", db))
	unprotect(t, db)
	change(t, db, `UPDATE events SET type = 'OrderTeleported'`)
	node := start(t, db, "--step-duration", "10ms", "--step-failure-rate", "0")
	placed, err := node.api().placeOne("other", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() (bool, string) {
		_, _, body := node.api().call(http.MethodGet, "/v1/orders/"+placed.id, "")
		return strings.Contains(string(body), `"Completed"`), string(body)
	})
	eventually(t, func() (bool, string) {
		given := numberOf(t, db, `SELECT COUNT(*) FROM inflight WHERE node = '' AND attempt > 0 AND interruptions = 0`)
		return given == 1, fmt.Sprintf("%d messages were given back", given)
	})
	node.untilCheck("/readyz", http.StatusServiceUnavailable, "newer than this program")
	if status, _, body := node.api().call(http.MethodGet, "/v1/orders/"+id, ""); status != http.StatusServiceUnavailable {
		t.Errorf("the order itself: %d %s, want 503", status, body)
	}
	if n := numberOf(t, db, `SELECT COUNT(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d messages were parked", n)
	}
	if n := strings.Count(node.Log(), "the views stop in front of an event"); n != 1 {
		t.Errorf("it was said %d times that the views stop, want once", n)
	}
	if r := orderflow(t, "check", "--quiet", "--dsn", db); r.code != exitFailed || !strings.Contains(r.stdout, "newer: order "+id) || !strings.Contains(r.stdout, "unreadable: ") || !strings.Contains(r.stdout, "newer than this program") {
		t.Errorf("check: exit %d\n%s", r.code, r.stdout)
	}

	change(t, db, `UPDATE events SET type = 'OrderPlaced' WHERE type = 'OrderTeleported'`) // as if the node were the newer one
	node.untilEnded(2)
	node.untilReady()
}

// unprotect drops the triggers that protect events.
func unprotect(t *testing.T, path string) {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	schematest.Unprotect(t, db)
}
