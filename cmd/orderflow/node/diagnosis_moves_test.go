package node

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// questions are how many a look has.
const questions = 6

// meddler has something happen before a question of the first look, or has the question fail in every look.
type meddler struct {
	Diagnoses
	before  int // 1 for the first question
	happens func()
	err     error
	looks   int
}

// Facts is diagnosis.Source.
func (m *meddler) Facts(ctx context.Context, id domain.OrderID) (f diagnosis.Facts, err error) {
	m.looks++
	err = m.DB.Look(ctx, lockPatience, func(in *schema.Look) (err error) {
		f, err = m.factsIn(ctx, &meddled{Reader: in, by: m}, id)
		return err
	})
	return f, err
}

// meddled is a look of a meddler.
type meddled struct {
	schema.Reader
	by    *meddler
	asked int
}

// Read is schema.Reader.
func (l *meddled) Read(ctx context.Context, read func(*sql.Rows) error, query string, args ...any) error {
	if l.asked++; l.asked == l.by.before {
		if l.by.err != nil {
			return l.by.err
		}
		if l.by.looks == 1 {
			l.by.happens()
		}
	}
	return l.Reader.Read(ctx, read, query, args...)
}

// TestDiagnoses_moves: while an order is looked at it is claimed, or moves on. It is where it was or where it goes, and
// nothing is missing.
func TestDiagnoses_moves(t *testing.T) {
	schematest.OnEach(t, 4, map[string]func(*testing.T, *schema.DB){
		"claimed": func(t *testing.T, db *schema.DB) {
			testMoves(t, db, func(p *patient, w work.Registration) { p.claim(w) })
		},
		"claimed and started": func(t *testing.T, db *schema.DB) {
			testMoves(t, db, func(p *patient, w work.Registration) {
				p.do(p.claim(w), work.SettleKeep, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "w"})
			})
		},
		"claimed and given back": func(t *testing.T, db *schema.DB) {
			testMoves(t, db, func(p *patient, w work.Registration) { p.do(p.claim(w), work.SettleHandBack) })
		},
	})
}

func testMoves(t *testing.T, db *schema.DB, how func(*patient, work.Registration)) {
	for n := 1; n <= questions; n++ {
		p := newPatient(t, db)
		w := p.worker("w", 5)
		p.place()
		m := &meddler{Diagnoses: p.asks, before: n, happens: func() { how(p, w) }}
		a, err := diagnosis.Ask(t.Context(), m, p.id)
		must(t, err)
		known := []diagnosis.Reason{diagnosis.JustPlaced, diagnosis.Running, diagnosis.WaitingForSlot}
		if !slices.Contains(known, a.Reason) || len(a.Others) > 0 || len(a.Gaps) > 0 {
			t.Errorf("before question %d: %s (%s), others %v, gaps %v after %d looks", n, a.Reason, a.Summary, a.Others, a.Gaps, m.looks)
		}
	}
}

// TestDiagnoses_gaps: a question that could not be answered is said, and nothing is claimed that only its answer would
// tell.
func TestDiagnoses_gaps(t *testing.T) {
	const running, missing, notRead = diagnosis.Running, diagnosis.MessageMissing, diagnosis.NotRead
	db := schematest.SQLite(t)
	held, gone := newPatient(t, db), newPatient(t, db)
	held.begin(held.worker("w", 5))
	gone.place()
	gone.exec(`DELETE FROM outbox WHERE uuid = ?1`, domain.EventID(gone.id, 1))
	for n, want := range map[int]struct {
		part       diagnosis.Part
		held, gone diagnosis.Reason
	}{
		1: {diagnosis.PartEvents, notRead, notRead},
		2: {diagnosis.PartQueue, running, notRead},
		3: {diagnosis.PartHolds, notRead, notRead},
		4: {diagnosis.PartNodes, notRead, notRead},
		5: {diagnosis.PartView, running, missing},
		6: {diagnosis.PartMoment, running, notRead},
	} {
		for p, reason := range map[*patient]diagnosis.Reason{held: want.held, gone: want.gone} {
			a, err := diagnosis.Ask(t.Context(), &meddler{Diagnoses: p.asks, before: n, err: schema.ErrBusy}, p.id)
			must(t, err)
			if a.Reason != reason || len(a.Gaps) != 1 || a.Gaps[0].Part != want.part || !strings.Contains(a.Gaps[0].Why, "locked") {
				t.Errorf("without question %d: %s, others %v, gaps %v; want %s", n, a.Reason, a.Others, a.Gaps, reason)
			}
		}
	}
	if _, err := diagnosis.Ask(t.Context(), &meddler{Diagnoses: held.asks, before: 3, err: schema.ErrUnavailable}, held.id); err == nil {
		t.Error("of a database that does not answer there is a diagnosis")
	}
}

// TestDiagnoses_locked: a stranger that has fallen silent holds what would be read. Where that must be waited for, it is
// said that it could not be read; the diagnosis comes all the same, and soon.
func TestDiagnoses_locked(t *testing.T) {
	schematest.OnEach(t, 4, map[string]func(*testing.T, *schema.DB){"held rows": func(t *testing.T, db *schema.DB) {
		p := newPatient(t, db)
		l := p.begin(p.worker("w", 5))
		for name, hold := range map[string]struct {
			statement string
			args      []any
		}{
			"the row in flight": {`UPDATE inflight SET node = 'stranger' WHERE partition = ?1 AND first_position = ?2`, []any{l.Partition, l.FirstPosition}},
			"the offset":        {`UPDATE consumer_offsets SET position = position + 1 WHERE topic = ?1 AND partition = ?2 AND consumer_group = ?3`, []any{l.Topic, l.Partition, l.Group}},
			"the node":          {`UPDATE nodes SET busy = busy + 1 WHERE node = ?1`, []any{"w"}},
			"the view":          {`INSERT INTO orders (order_id, version, status, placed_at, steps) VALUES (?1, 2, 'Scheduling', ?2, '[]')`, []any{p.id[:], schema.TimeArg(time.Now())}},
			"a new event": {`INSERT INTO events (position, partition, stream_id, version, type, data, metadata, recorded_at, hash)
				SELECT position + 1000, partition, stream_id, version + 1, type, data, metadata, recorded_at, hash FROM events WHERE stream_id = ?1 AND version = 2`, []any{p.id[:]}},
		} {
			release := schematest.Hold(t, db, 1, hold.statement, hold.args...)
			asked := time.Now()
			a, err := p.asks.Diagnose(t.Context(), p.id)
			took := time.Since(asked)
			release()
			must(t, err)
			t.Logf("%s is held: %s after %s, gaps %v", name, a.Reason, took, a.Gaps)
			switch {
			case len(a.Others) > 0 || a.Reason != diagnosis.Running && a.Reason != diagnosis.NotRead:
				t.Errorf("%s is held: %s, others %v", name, a.Reason, a.Others)
			case a.Reason == diagnosis.NotRead && len(a.Gaps) == 0, took > 10*time.Second:
				t.Errorf("%s is held: %s after %s, gaps %v", name, a.Reason, took, a.Gaps)
			}
		}
	}})
}

// TestDiagnoses_clock: on SQLite, leases are not judged by a clock that this process cannot read; after a start of the
// machine nobody has any.
func TestDiagnoses_clock(t *testing.T) {
	p := newPatient(t, schematest.SQLite(t))
	p.begin(p.worker("w", 5))
	looks := Diagnoses{DB: schematest.Again(t, p.db), Store: p.store} // a process that holds no leases, as a command
	for boot, want := range map[string]diagnosis.Reason{
		"wall": diagnosis.NotRead, "00000000-0000-4000-8000-000000000000": diagnosis.NoWorkerAlive,
	} {
		p.exec(`UPDATE lease_clock SET boot = ?1`, boot)
		a, err := looks.Diagnose(t.Context(), p.id)
		must(t, err)
		if a.Reason != want || want == diagnosis.NotRead && !strings.Contains(a.Summary, "clock") {
			t.Errorf("by the clock %s: %s, %s; want %s", boot, a.Reason, a.Summary, want)
		}
	}
}
