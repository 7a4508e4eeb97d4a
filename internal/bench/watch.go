package bench

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
)

// stalled is how long nothing may be committed before a run is given up.
const stalled = 30 * time.Second

// watcher sees every commit of a store of this process.
type watcher struct {
	mu      sync.Mutex
	commits [][]seenCommit // by partition, heads rising
	total   int64          // sum of the heads
	more    chan struct{}
}

type seenCommit struct {
	head int64
	at   time.Time
}

// watch begins to watch. Nothing may be appended meanwhile.
func watch(ctx context.Context, store *eventstore.Store) (*watcher, error) {
	heads, err := store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	w := &watcher{commits: make([][]seenCommit, len(heads)), more: make(chan struct{}, 1)}
	for p, head := range heads {
		w.total += head
		w.commits[p] = []seenCommit{{head: head, at: time.Now()}}
	}
	store.OnCommit(w.seen)
	return w, nil
}

func (w *watcher) seen(partition int, head int64) {
	w.mu.Lock()
	all := w.commits[partition]
	w.total += head - all[len(all)-1].head
	w.commits[partition] = append(all, seenCommit{head: head, at: time.Now()})
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *watcher) sum() (total int64, last time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.commits {
		if at := all[len(all)-1].at; at.After(last) {
			last = at
		}
	}
	return w.total, last
}

// await waits until the log has so many events, and says when that was.
func (w *watcher) await(ctx context.Context, events int64) (time.Time, error) {
	timer := time.NewTimer(stalled)
	defer timer.Stop()
	for {
		total, last := w.sum()
		if total >= events {
			return last, nil
		}
		timer.Reset(stalled)
		select {
		case <-w.more:
		case <-timer.C:
			return last, fmt.Errorf("nothing was committed for %s, at %d of %d events", stalled, total, events)
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}

// visible is when the commit of an event had returned.
func (w *watcher) visible(r domain.Recorded) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.commits[r.Partition]
	i := sort.Search(len(all), func(i int) bool { return all[i].head >= r.Position })
	if i == len(all) {
		return time.Time{}
	}
	return all[i].at
}
