package operations_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/operations"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

var at = time.Date(2026, 11, 28, 7, 8, 9, 123456000, time.UTC)

// operation is the n-th of a test.
func operation(n byte, subject string) work.Operation {
	return work.Operation{
		ID: work.OperationID{0, 1, 15: n}, At: at, Actor: "operator:ann", Action: "steps pause", Subject: subject,
		Reason: "the press ‘7’ is hot", Details: json.RawMessage(`{"n":1}`), Result: "paused",
	}
}

func TestOperations(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){
		"a control and its operation": controlled,
		"at once":                     atOnce,
		"listed":                      listed,
		"never changed":               neverChanged,
		"busy":                        busy,
	})
}

func controlled(t *testing.T, db *schema.DB) {
	c, log := operations.NewControls(db), operations.NewLog(db)
	want := work.Control{Kind: work.ControlEnd, Name: "controlled", Value: work.ControlDraining, Epoch: 7, Actor: "operator:ann", Reason: "weil “Öl”", SetAt: at}
	for i, step := range []struct {
		do   func(op work.Operation) (bool, error)
		want bool
	}{
		{func(op work.Operation) (bool, error) { return c.Set(t.Context(), want, op) }, true},
		{func(op work.Operation) (bool, error) { return c.Set(t.Context(), want, op) }, false},
		{func(op work.Operation) (bool, error) { want.Epoch = 8; return c.Set(t.Context(), want, op) }, true},
		{func(op work.Operation) (bool, error) { return c.Clear(t.Context(), want.Kind, "other", op) }, false},
	} {
		if did, err := step.do(operation(byte(10+i), "controlled")); err != nil || did != step.want {
			t.Fatalf("step %d: changed %v, err %v; want %v", i, did, err, step.want)
		}
	}
	if got := of(t, c, "controlled"); !reflect.DeepEqual(got, work.Controls{want}) {
		t.Errorf("the controls are %+v, want %+v", got, want)
	}
	if did, err := c.Clear(t.Context(), want.Kind, want.Name, operation(15, "controlled")); err != nil || !did {
		t.Errorf("cleared %v, err %v", did, err)
	}
	if got := of(t, c, "controlled"); len(got) > 0 {
		t.Errorf("after it was cleared, there is %+v", got)
	}
	all, err := log.List(t.Context(), 100, work.OperationID{})
	var ids []byte
	for _, op := range all {
		if op.Subject == "controlled" {
			ids = append(ids, op.ID[15])
			if want := operation(op.ID[15], "controlled"); !reflect.DeepEqual(op, want) {
				t.Errorf("recorded %+v, want %+v", op, want)
			}
		}
	}
	if err != nil || !bytes.Equal(ids, []byte{15, 12, 10}) {
		t.Errorf("recorded %v, err %v; want 15, 12 and 10: what changed nothing leaves nothing", ids, err)
	}
}

// of are the controls of a name.
func of(t *testing.T, c *operations.Controls, name string) (some work.Controls) {
	t.Helper()
	all, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Name == name {
			some = append(some, one)
		}
	}
	return some
}

// atOnce: of many that set a control, one does. The others change nothing.
func atOnce(t *testing.T, db *schema.DB) {
	c := operations.NewControls(db)
	const many = 4
	done, set := make(chan error, many), 0
	results := make(chan bool, many)
	for i := range many {
		go func() {
			did, err := c.Set(t.Context(), work.Control{Kind: work.ControlStep, Name: "atOnce", Value: work.ControlPaused, SetAt: at}, operation(byte(20+i), "atOnce"))
			results <- did
			done <- err
		}()
	}
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
		if <-results {
			set++
		}
	}
	var recorded int
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM operations WHERE subject = 'atOnce'`).Scan(&recorded); err != nil || recorded != 1 || set != 1 {
		t.Errorf("%d say that they set it, and %d operations are recorded, err %v; want 1 and 1", set, recorded, err)
	}
}

func listed(t *testing.T, db *schema.DB) {
	log := operations.NewLog(db)
	for n := range byte(5) {
		if err := db.InTx(t.Context(), func(tx *schema.Tx) error { return tx.Ask(t.Context(), operations.Record(operation(100+n, "listed"))) }); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for before := (work.OperationID{}); ; {
		page, err := log.List(t.Context(), 2, before)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, op := range page {
			if op.Subject == "listed" {
				got = append(got, fmt.Sprint(op.ID[15]))
			}
		}
		before = page[len(page)-1].ID
	}
	if strings.Join(got, " ") != "104 103 102 101 100" {
		t.Errorf("listed %v, want the newest in front, each once", got)
	}
}

func neverChanged(t *testing.T, db *schema.DB) {
	exec := func(query string, args ...any) error {
		return db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(t.Context(), query, args...); return err })
	}
	q := operations.Record(operation(200, "neverChanged"))
	if err := exec(q.Query, q.Args...); err != nil {
		t.Fatal(err)
	}
	attempts := []string{`UPDATE operations SET actor = 'nobody'`, `DELETE FROM operations`}
	if db.Dialect().Name() == "sqlite" {
		attempts = append(attempts, `INSERT OR REPLACE INTO operations SELECT id, at, 'nobody', action, subject, reason, details, result FROM operations`)
	}
	for _, attempt := range attempts {
		if err := exec(attempt); !errors.Is(err, schema.ErrRefused) {
			t.Errorf("%s: err %v, want %v", attempt, err, schema.ErrRefused)
		}
	}
	if err := exec(q.Query, q.Args...); err == nil {
		t.Error("a second operation of one id was recorded")
	}
}

// busy: a control that somebody holds locked is not passed over, and not waited for long.
func busy(t *testing.T, db *schema.DB) {
	if db.Dialect().OneWriter() {
		return // nobody waits to read
	}
	c := operations.NewControls(db)
	if _, err := c.Set(t.Context(), work.Control{Kind: work.ControlStep, Name: "busy", Value: work.ControlPaused, SetAt: at}, operation(210, "busy")); err != nil {
		t.Fatal(err)
	}
	locked, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- db.InTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE controls SET value = 'other' WHERE name = 'busy'`)
			close(locked)
			<-release
			return errors.Join(err, domain.ErrInvalid)
		})
	}()
	<-locked
	if all, err := c.Read(t.Context()); !errors.Is(err, schema.ErrBusy) && (err != nil || all.Paused("busy") == nil) {
		t.Errorf("beside a transaction, the controls are %v, err %v; want the one that is committed, or that it is locked", all, err)
	}
	if _, err := c.Clear(t.Context(), work.ControlStep, "busy", operation(211, "busy")); !errors.Is(err, schema.ErrBusy) || !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("cleared beside a transaction: err %v, want %v, which may pass", err, schema.ErrBusy)
	}
	close(release)
	if err := <-ended; !errors.Is(err, domain.ErrInvalid) {
		t.Error(err)
	}
}

// TestOperations_away: what a database that is away does not take is told as such, and may be tried again.
func TestOperations_away(t *testing.T) {
	path := filepath.Join(t.TempDir(), "away.db")
	db := schematest.SQLiteAt(t, path)
	if err := os.Rename(path, path+".aside"); err != nil {
		t.Fatal(err)
	}
	c := work.Control{Kind: work.ControlStep, Name: "away", Value: work.ControlPaused, SetAt: at}
	if _, err := operations.NewControls(db).Set(t.Context(), c, operation(1, "away")); !errors.Is(err, domain.ErrUnavailable) || !errors.Is(err, schema.ErrReplaced) {
		t.Errorf("set in a file that was taken away: %v, want %v", err, schema.ErrReplaced)
	}
}
