package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderflow/eventstore/check"
	"orderflow/handlers/operate"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// heads looks for rows that name positions beyond the end of the log.
func (d *watchdog) heads(ctx context.Context, _ operate.Now) (found []operate.Finding, err error) {
	overruns, err := check.Beyond(ctx, d.db)
	for _, o := range overruns {
		found = append(found, operate.Findingf(operate.BeyondHead, fmt.Sprintf("%s, partition %d", o.What, o.Partition), "%s: run %q", o, o.Mend))
	}
	return found, err
}

// protection compares the schema with what the program needs, and with what the migrations made.
func (d *watchdog) protection(ctx context.Context, _ operate.Now) (found []operate.Finding, err error) {
	err = d.db.Older(ctx)
	if errors.Is(err, schema.ErrOlderSchema) {
		return []operate.Finding{operate.Findingf(operate.SchemaOlder, "schema", "%v", err)}, nil
	}
	if err != nil {
		return nil, err
	}
	deviations, err := d.db.Deviations(ctx)
	if errors.Is(err, schema.ErrNewerSchema) {
		return []operate.Finding{operate.Findingf(operate.SchemaNewer, "schema", "the schema cannot be compared: %v", err)}, nil
	}
	for _, v := range deviations {
		found = append(found, operate.Findingf(operate.ProtectionAltered, v.Kind+" "+v.Name, "%s", v))
	}
	return found, err
}

// register looks at the nodes.
func (d *watchdog) register(ctx context.Context, now operate.Now) ([]operate.Finding, error) {
	all, err := inflight.NewNodes(d.db).List(ctx)
	if err != nil {
		return nil, err
	}
	found := operate.WatchNodes(all, now.At)
	for _, role := range MissingRoles(all) {
		found = append(found, operate.Findingf(operate.RoleMissing, role, "no live node has the role %s: %s", role, Undone[role]))
	}
	return found, nil
}

const (
	// stillFor is how long a projection may stand while there are events to apply.
	stillFor = 10 * time.Second
	// lateView is how old the first event may be that a projection has not applied.
	lateView = time.Minute
)

// projections looks whether the views follow the log.
func (d *watchdog) projections(ctx context.Context, now operate.Now) ([]operate.Finding, error) {
	all, err := projections.Statuses(ctx, d.db, d.store)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s projections.ProjectionStatus) bool { return s.Projection != all[0].Projection }) // what a rebuild fills may stand
	found := d.standing(all, now)
	if len(now.Notes.Stood) == 0 {
		return found, nil
	}
	late, err := projections.Delay(ctx, d.db, now.At)
	if late > lateView {
		found = append(found, operate.Findingf(operate.ProjectionBehind, all[0].Projection, "lists and counts are more than %s behind the events", lateView))
	}
	return found, err
}

// standing looks for partitions in which a projection stands still.
func (d *watchdog) standing(all []projections.ProjectionStatus, now operate.Now) (found []operate.Finding) {
	stood, still := map[int]operate.Stand{}, []string{}
	for _, s := range all {
		if s.Damage != "" {
			found = append(found, operate.Findingf(operate.ProjectionStopped, s.Projection, "%s", s.Damage))
		}
		if s.Lag == 0 {
			continue
		}
		before, known := now.Notes.Stood[s.Partition]
		if !known || before.At != s.Position {
			before = operate.Stand{At: s.Position, Since: now.At}
		} else if now.At.Sub(before.Since) >= d.still {
			still = append(still, strconv.Itoa(s.Partition))
		}
		stood[s.Partition] = before
	}
	if len(still) > 0 {
		found = append(found, operate.Findingf(operate.ProjectionStopped, all[0].Projection, "nothing was applied for %s or longer, and there are events to apply: partitions %s", d.still, strings.Join(still, ", ")))
	}
	now.Notes.Stood = stood
	return found
}

// mostLetters is up to where dead letters are counted.
const mostLetters = 1000

// letters looks for dead letters.
func (d *watchdog) letters(ctx context.Context, _ operate.Now) ([]operate.Finding, error) {
	n, err := inflight.NewDeadLetters(d.db).Count(ctx, inflight.LetterFilter{}, mostLetters)
	if err != nil || n == 0 {
		return nil, err
	}
	many := strconv.Itoa(n)
	if n == mostLetters {
		many += " or more"
	}
	return []operate.Finding{operate.Findingf(operate.DeadLetters, "all", "dead letters that wait for a decision: %s", many)}, nil
}

// disk is how much room there is where a file lies.
type disk struct{ free, total uint64 }

// What the disk of a SQLite file must have left: a twentieth of it, or so many bytes.
const (
	leastPart = 20
	leastRoom = 10 << 30
)

func (k disk) nearlyFull() bool { return k.free < k.total/leastPart && k.free < leastRoom }

// room looks at the disk of a SQLite file.
func (d *watchdog) room(context.Context, operate.Now) ([]operate.Finding, error) {
	if d.db.Dialect().Name() != "sqlite" {
		return nil, nil
	}
	k, err := d.disk(d.db.DSN().Path)
	if err != nil || !k.nearlyFull() {
		return nil, err
	}
	return []operate.Finding{operate.Findingf(operate.DiskNearlyFull, d.db.DSN().Path, "the disk has less than a twentieth of its room left, and less than %d GiB", leastRoom>>30)}, nil
}
