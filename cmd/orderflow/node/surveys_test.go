package node

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestSurveys: a survey of a node is told to all, lists its orders, and says where a message is in the queue. Orders that
// moved on are listed no more.
func TestSurveys(t *testing.T) {
	schematest.OnEach(t, 2, map[string]func(*testing.T, *schema.DB){"": testSurveys})
}

func testSurveys(t *testing.T, db *schema.DB) {
	p := newPatient(t, db)
	p.ahead = -time.Minute
	s, other := NewSurveys(db, p.store, "w", NewClusterReader(db)), NewSurveys(db, p.store, "", nil)
	w := p.worker("w", 3)
	p.begin(w)
	begun := p.id
	p.id = domain.OrderID(uuid.Must(uuid.NewV7()))
	must(t, s.pass(t.Context()))
	p.crowd(69)
	p.place()
	told, err := other.Latest(t.Context())
	must(t, err)
	if told.Node != "w" || told.Looked != 1 || told.Age < 0 || told.Age > 60 {
		t.Errorf("told is the survey %+v, want that of the node", told)
	}
	must(t, s.pass(t.Context()))
	told, err = other.Latest(t.Context())
	must(t, err)
	if told.Looked != 71 || len(told.Reasons) != 2 || told.Reasons[0].Reason != diagnosis.WaitingForSlot || told.Reasons[0].Orders != 70 {
		t.Errorf("told is the survey %+v", told)
	}
	if own, age := s.Own(); own == nil || own.Looked != 71 || age > time.Minute {
		t.Errorf("the node's own survey is %+v", own)
	}
	if own, _ := other.Own(); own != nil {
		t.Errorf("who asks has a survey of his own: %+v", own)
	}
	listed := func(reason diagnosis.Reason, want int) []diagnosis.Finding {
		t.Helper()
		found, err := other.Page(t.Context(), reason, domain.OrderID{}, 100)
		if must(t, err); len(found) != want {
			t.Errorf("listed as %s are %d, want %d", reason, len(found), want)
		}
		return found
	}
	listed(diagnosis.WaitingForSlot, 70)
	if runs := listed(diagnosis.Running, 1); len(runs) == 1 && (runs[0].OrderID != begun || runs[0].Verdict != diagnosis.Progressing || runs[0].Since.IsZero()) {
		t.Errorf("listed is %+v", runs[0])
	}
	a, err := p.asks.Diagnose(t.Context(), p.id)
	must(t, err)
	if q := a.Evidence.Place; q == nil || q.More || q.Before > 69 || q.Before < 35 && db.Dialect().OneWriter() || !strings.HasPrefix(a.Next.What, "about ") {
		t.Errorf("of the last of 70 messages it is said: %+v, and next: %s", q, a.Next.What)
	}
	p.claim(w)
	must(t, s.pass(t.Context()))
	told, err = other.Latest(t.Context())
	must(t, err)
	left := 0
	for _, r := range told.Reasons {
		if r.Reason == diagnosis.WaitingForSlot {
			left = r.Orders
		}
	}
	var held int // one round may claim from a few partitions alone
	must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM inflight WHERE node <> ''`).Scan(&held))
	if held < 2 || left != 71-held || told.Looked != 71 {
		t.Errorf("told is the survey %+v while %d are in hand", told, held)
	}
	listed(diagnosis.WaitingForSlot, left)
}

// TestSurveys_none: where no node has made a survey of late, who asks makes one, and tells it for a while.
func TestSurveys_none(t *testing.T) {
	db := schematest.SQLite(t)
	p := newPatient(t, db)
	s := NewSurveys(db, p.store, "", NewClusterReader(db))
	p.place()
	for range 2 {
		told, err := s.Latest(t.Context())
		if must(t, err); told.Looked != 1 || told.Reasons[0].Reason != diagnosis.NoWorkerAlive {
			t.Errorf("told is the survey %+v", told)
		}
		p.id = domain.OrderID(uuid.Must(uuid.NewV7()))
		p.place()
	}
	if at, err := s.ListedAt(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("there is a list as of %s, %v", at, err)
	}
}

// TestSurveys_orphaned: where the node is gone that made the survey, or the last worker, who asks makes another.
func TestSurveys_orphaned(t *testing.T) {
	schematest.OnEach(t, 2, map[string]func(*testing.T, *schema.DB){"": testSurveysOrphaned})
}

func testSurveysOrphaned(t *testing.T, db *schema.DB) {
	p := newPatient(t, db)
	w, other := p.worker("w", 3), p.join("p", "projector", 0)
	p.begin(w)
	told := func(node string, reason diagnosis.Reason) {
		t.Helper()
		s, err := NewSurveys(db, p.store, "", nil).Latest(t.Context())
		if must(t, err); s.Node != node || len(s.Reasons) != 1 || s.Reasons[0].Reason != reason {
			t.Errorf("told is the survey %+v, want that of %q and %s", s, node, reason)
		}
	}
	must(t, NewSurveys(db, p.store, "p", nil).pass(t.Context()))
	told("p", diagnosis.Running)
	p.exec(`UPDATE figures SET as_of = `+db.Dialect().NowPlus("?1"), -(10 * time.Second).Milliseconds())
	p.expires(w, -time.Second)
	told("", diagnosis.NoWorkerAlive)
	must(t, NewSurveys(db, p.store, "p", nil).pass(t.Context()))
	told("p", diagnosis.NoWorkerAlive)
	p.worker("v", 3)
	p.expires(other, -time.Second)
	told("", diagnosis.OwnerLost)
}

// TestListed: what progresses is listed when it has done so for a while.
func TestListed(t *testing.T) {
	now := time.Now()
	all := listed(now, []diagnosis.Finding{
		{Reason: diagnosis.Running, Verdict: diagnosis.Progressing, Since: now.Add(-time.Second)},
		{Reason: diagnosis.Running, Verdict: diagnosis.Progressing, Since: now.Add(-time.Minute)},
		{Reason: diagnosis.IsParked, Verdict: diagnosis.Blocked, Since: now},
	})
	if len(all) != 2 || all[0].Since.After(now.Add(-time.Minute)) || all[1].Reason != "parked" {
		t.Errorf("listed are %+v", all)
	}
}
