package cluster

import (
	"encoding/json"
	"os"
	"slices"
	"sync"

	"orderflow/internal/chaos/boottime"
	"orderflow/internal/chaos/judge"
)

// Records are what is known of the processes of a cluster beside what they store.
type Records struct {
	mu        sync.Mutex
	incidents []judge.Incident
	out       *os.File
	surprises []string
}

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

func (r *Records) surprise(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.surprises = append(r.surprises, what)
}

// Surprises are the processes that ended without having been told to.
func (r *Records) Surprises() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.surprises)
}
