package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/handlers"
	"orderflow/schema"
)

// filled gives a file with so many orders that have been worked on, alone: nothing of it is in a
// write-ahead log.
func filled(t *testing.T, orders int) string {
	t.Helper()
	path := database(t)
	n := runHere(t, path, "--heartbeat", "1s", "--lease-ttl", "5s", "--step-duration", "0s", "--step-failure-rate", "0.05", "--seed", "7")
	for i := range orders {
		o := handlers.NewOrder{TrackingID: fmt.Sprintf("order-%d", i), Detail: []byte(fmt.Sprintf(`{"sku":"A-%d","text":"<Müller>"}`, i))}
		if i%10 == 0 {
			o.IdempotencyKey = fmt.Sprintf("key-%d", i)
		}
		if _, err := n.Placing.Place(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() (bool, string) {
		counts, err := n.Views.Counts(t.Context())
		return err == nil && counts["Completed"]+counts["Failed"] == int64(orders), fmt.Sprint(counts, err, n.logged)
	})
	if err := n.end(); err != nil {
		t.Fatal(err)
	}
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // the last one to close takes the write-ahead log into the file
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		t.Fatalf("a write-ahead log of %d bytes is left", info.Size())
	}
	return path
}

// TestCheck_flips flips bits of a file, one at a time, at random: check --deep finds every flip that
// changes what can be read of events, heads, reservations, orders or their indexes.
func TestCheck_flips(t *testing.T) {
	orders, flips, seed := 60, 12, uint64(1)
	if os.Getenv("ORDERFLOW_TEST_LONG") != "" {
		orders, flips, seed = 500, 200, uint64(time.Now().UnixNano())
	}
	t.Logf("%d flips, seed %d", flips, seed)
	testFlips(t, filled(t, orders), flips, rand.New(rand.NewPCG(seed, 1)))
}

func testFlips(t *testing.T, path string, flips int, random *rand.Rand) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if r := call("check", "--deep", "--quiet", "--dsn", path); r.code != exitDone {
		t.Fatalf("the whole file is found wrong\n%s%s", r.stdout, r.stderr)
	}
	o := newOracle(t, path)
	found, harmless := 0, 0
	for i := range flips {
		at, bit := random.IntN(len(whole)), random.IntN(8)
		flipped := append([]byte(nil), whole...)
		flipped[at] ^= 1 << bit
		copied := filepath.Join(t.TempDir(), "flipped.db")
		if err := os.WriteFile(copied, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		what := o.changed(copied)
		r := call("check", "--deep", "--quiet", "--dsn", copied)
		switch {
		case what == "":
			harmless++
		case r.code == exitFailed:
			found++
			if r.stdout == "" && !strings.Contains(r.stderr, "damaged") {
				t.Errorf("flip %d, bit %d of byte %d: check fails and does not say that the file is damaged: %s", i, bit, at, r.stderr)
			}
		default:
			t.Errorf("flip %d, bit %d of byte %d changes %.200s: missed (exit %d)\n%s%s", i, bit, at, what, r.code, r.stdout, r.stderr)
		}
	}
	t.Logf("%d flips of %d bytes changed contents and were found, %d changed nothing", found, len(whole), harmless)
}

// TestCheck_hidden flips one bit of every copy of an order's id that is in the file: in the table of
// events, in its index, in the reservation, in the view and its indexes. Check finds each without
// --deep.
func TestCheck_hidden(t *testing.T) {
	path := filled(t, 20)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := call("orders", "list", "--status", "Completed", "--limit", "1", "--json", "--dsn", path)
	_, after, _ := strings.Cut(r.stdout, `"order_id": "`)
	id, err := domain.ParseOrderID(after[:36])
	if err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	o := newOracle(t, path)
	copies, found := 0, 0
	for at := 0; ; at++ {
		next := bytes.Index(whole[at:], id[:])
		if next < 0 {
			break
		}
		at += next
		flipped := bytes.Clone(whole)
		flipped[at+11] ^= 1
		copied := filepath.Join(t.TempDir(), "flipped.db")
		if err := os.WriteFile(copied, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		if o.changed(copied) == "" {
			continue // a page that is used no more
		}
		copies++
		if r := call("check", "--quiet", "--dsn", copied); r.code == exitFailed {
			found++
		} else {
			t.Errorf("the copy at byte %d: check exits %d\n%s", at, r.code, r.stdout)
		}
	}
	if copies < 20 {
		t.Errorf("only %d copies of the order's id were found in the file", copies)
	}
	t.Logf("%d of %d found", found, copies)
}
