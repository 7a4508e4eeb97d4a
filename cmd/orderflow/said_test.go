package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		progress verify.Progress
		want     string
	}{
		{verify.Progress{Phase: "clear", Done: 2000}, "clear: 2000"},
		{verify.Progress{Phase: "fill", Done: 5, Total: 10}, "fill: 5 of 10"},
		{verify.Progress{Phase: "fill", Done: 11, Total: 10}, "fill: 11"},
	} {
		if got := progressLine(c.progress); got != c.want {
			t.Errorf("%+v is told as %q, want %q", c.progress, got, c.want)
		}
	}
}

func TestByKind(t *testing.T) {
	if got, want := byKind(map[string]int64{"view": 2, "broken": 1}), "1 broken, 2 view"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestDeadlettersList_more says so if a list does not have all.
func TestDeadlettersList_more(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.db")
	letters(t, path, 101)
	for limit, more := range map[string]bool{"100": true, "101": false, "1": true} {
		for _, format := range [][]string{nil, {"--json"}} {
			var stdout, stderr bytes.Buffer
			code := execute(append([]string{"deadletters", "list", "--dsn", path, "--limit", limit}, format...), &stdout, &stderr)
			if code != exitDone || strings.Contains(stderr.String(), "There are more than these "+limit) != more {
				t.Errorf("--limit %s: exit code %d, said %q, want more: %t", limit, code, &stderr, more)
			}
			if n := strings.Count(stdout.String(), "reason "); fmt.Sprint(n) != limit {
				t.Errorf("--limit %s: %d letters", limit, n)
			}
		}
	}
	for _, limit := range []string{"0", "-1"} {
		if code := execute([]string{"deadletters", "list", "--dsn", path, "--limit=" + limit}, &bytes.Buffer{}, &bytes.Buffer{}); code != exitUsage {
			t.Errorf("--limit=%s: exit code %d, want %d", limit, code, exitUsage)
		}
	}
}

// TestOrdersPlace_emptyKey: a key that a script left empty is not the same as none.
func TestOrdersPlace_emptyKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.db")
	schematest.SQLiteAt(t, path)
	for _, flag := range []string{"--tracking-id", "--idempotency-key"} {
		var stdout, stderr bytes.Buffer
		code := execute([]string{"orders", "place", "--dsn", path, flag, ""}, &stdout, &stderr)
		if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), flag+" is empty") {
			t.Errorf("%s '': exit code %d, want %d; said %q %q", flag, code, exitUsage, &stdout, &stderr)
		}
	}
}

// letters makes a database with n dead letters.
func letters(t *testing.T, path string, n int) {
	t.Helper()
	db := schematest.SQLiteAt(t, path)
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		for i := range n {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
				VALUES ('workers', 'processing', 0, ?1, ?2, '', '{}', 1, 1, ?3, '2026-01-01T00:00:00.000000')`, i, fmt.Sprint(i), fmt.Sprintf("reason %d", i))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
