package cluster

import (
	"encoding/json"
	"os"
	"slices"
	"sync"
	"time"

	"orderflow/internal/chaos/boottime"
	"orderflow/internal/chaos/judge"
)

// Records are what is known of the processes of a cluster beside what they store.
type Records struct {
	mu        sync.Mutex
	incidents []judge.Incident
	out       *os.File
	surprises []surprise
}

// surprise is the end of a process that nobody meant.
type surprise struct {
	at    int64 // boottime
	what  string
	drain bool // the process was told to end, and did not succeed
}

// late is how long after the database has come back a process may still end because it was away.
const late = int64(time.Second)

// Record keeps an incident, now if it has no time.
func (r *Records) Record(i judge.Incident) {
	if i.At == 0 {
		i.At = boottime.Now()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.incidents = append(r.incidents, i)
	if text, err := json.Marshal(i); err == nil {
		_, _ = r.out.Write(append(text, '\n')) // kept in memory too; this is for who reads the evidence
	}
}

// Incidents are those recorded so far.
func (r *Records) Incidents() []judge.Incident {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.incidents)
}

func (r *Records) surprise(s surprise) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.surprises = append(r.surprises, s)
}

// Surprises are the processes that ended without having been told to, or that did not succeed
// when they were told. A drained node that cannot release its registration says so by its exit
// code: while the database is away that is right.
func (r *Records) Surprises() (what []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.surprises {
		away := func(i judge.Incident) bool { return i.What == "away" && i.At <= s.at && s.at <= i.To+late }
		if !s.drain || !slices.ContainsFunc(r.incidents, away) {
			what = append(what, s.what)
		}
	}
	return what
}
