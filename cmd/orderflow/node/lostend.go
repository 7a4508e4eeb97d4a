package node

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/schema"
)

// lostEnds are ends of the log that this node has seen and that are not there any more. The watchdog cannot find them
// after a restore, since what it has checked is in the backup too.
type lostEnds struct {
	db   *schema.DB
	node string
	tell func(work.Alarm)

	mu   sync.Mutex
	note []operate.Finding // to be raised
}

// found notes one.
func (l *lostEnds) found(h eventstore.OtherHistory) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note = append(l.note, operate.Findingf(operate.LogLost, fmt.Sprintf("partition %d", h.Partition),
		"the event at position %d, which node %s had seen committed, is not there, or is another one: was a backup restored under running nodes?", h.Position, l.node))
}

// raise raises the alarms about what was noted; what cannot be raised now is raised later.
func (l *lostEnds) raise(ctx context.Context) {
	l.mu.Lock()
	note := l.note
	l.note = nil
	l.mu.Unlock()
	if len(note) == 0 {
		return
	}
	raised, err := raise(ctx, l.db, nil, note)
	if err != nil { // others report what keeps it from writing
		l.mu.Lock()
		l.note = append(note, l.note...)
		l.mu.Unlock()
	}
	for _, a := range raised {
		l.tell(a)
	}
}

func raise(ctx context.Context, db *schema.DB, op *work.Operation, found []operate.Finding) ([]work.Alarm, error) {
	alarms := make([]work.Alarm, len(found))
	for i, f := range found {
		var err error
		if alarms[i], err = f.Alarm(); err != nil {
			return nil, err
		}
	}
	return operations.NewAlarms(db).Raise(ctx, op, alarms...)
}

// Head is the last position of a partition.
type Head struct {
	Partition int
	Position  int64
}

// HeadsOf are the ends of a database's log, by partition.
func HeadsOf(ctx context.Context, db *schema.DB) ([]Head, error) {
	return schema.Collect(ctx, db, func(rows *sql.Rows, h *Head) error { return rows.Scan(&h.Partition, &h.Position) },
		`SELECT partition, head FROM heads WHERE partition >= 0 ORDER BY partition`)
}

// RecordRestore records in a restored database that a backup was restored, and raises alarms about the ends of the log
// that were there before and are gone.
func RecordRestore(ctx context.Context, db *schema.DB, file string, before []Head, by operate.By) error {
	after, err := HeadsOf(ctx, db)
	if err != nil {
		return err
	}
	now, found := map[int]int64{}, []operate.Finding(nil)
	for _, h := range after {
		now[h.Partition] = h.Position
	}
	for _, h := range before {
		if fell := now[h.Partition]; fell < h.Position {
			found = append(found, operate.Findingf(operate.LogLost, fmt.Sprintf("partition %d", h.Partition),
				"the backup %s was restored by %s: positions %d to %d are gone", file, by.Actor, fell+1, h.Position))
		}
	}
	by.About["file"], by.About["heads_before"], by.About["heads_after"] = file, fmt.Sprint(before), fmt.Sprint(after)
	op, err := by.Operation("restore", "database", fmt.Sprintf("the backup was restored; %d partitions lost their end", len(found)))
	if err == nil {
		_, err = raise(ctx, db, &op, found)
	}
	return err
}
