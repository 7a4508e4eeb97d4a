package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/shared"
	"orderflow/schema"
)

// Config says what a Reader reads. All but Keep is required.
type Config struct {
	DB    *schema.DB
	Group string // the consumer group of the workers
	// Controls gives what operators want of the cluster.
	Controls func(context.Context) (work.Controls, error)
	// Alarms gives at most so many open alarms, the latest in front, and Severity says how bad those of a code are.
	Alarms   func(ctx context.Context, most int) ([]work.Alarm, error)
	Severity func(work.AlarmCode) string
	// Watched says how the watchdog stands.
	Watched func(ctx context.Context) (Watched, error)
	// NodeLost is the code of alarms about nodes that were lost.
	NodeLost work.AlarmCode
	// Trouble gives what this process itself finds wrong, without a question to the database.
	Trouble func() []string
	// Missing gives the roles that none of some nodes has that live.
	Missing func([]work.Node) []string
	// Undone says what stands still while no node has a role.
	Undone map[string]string
	// HistoryWait is how long an answer waits for the sums over 15 minutes and a day.
	HistoryWait time.Duration
	// Keep is how long this node keeps consumed messages; 0 if it is no node.
	Keep time.Duration
}

// Watched is how the watchdog stands.
type Watched struct {
	Late bool          // there were rounds, and none has succeeded for several times the time between them
	Ever bool          // one has succeeded
	Ago  time.Duration // since the last that did
}

const (
	// atMostEvery is the time between sets of questions, however many ask.
	atMostEvery = time.Second
	// lookTimeout bounds one set, beside what it waits for the history.
	lookTimeout = 4 * time.Second
	// minutesEvery and dayEvery are the times between looks at the minutes, and between sums over a day.
	minutesEvery = 10 * time.Second
	dayEvery     = time.Minute
	// oldFigure is how old the figure of the queues may be before this process looks itself, and staleFigure how old it
	// may be before somebody should look why.
	oldFigure   = 3 * QueuesEvery
	staleFigure = 6 * QueuesEvery
)

// Reader gives the cluster in one answer. All who ask within a second share one, so that looking costs the database no
// more with more people who look.
type Reader struct {
	conf    Config
	figures *Figures
	history history

	answer shared.Question[Answer]

	own     *Queues // what this process saw itself; nil if it never had to
	ownAsOf time.Time
	ownAt   time.Time // by this process's clock
}

// NewReader makes one.
func NewReader(c Config) *Reader {
	r := &Reader{conf: c, figures: NewFigures(c.DB), history: history{db: c.DB}}
	r.answer.Ask, r.answer.Every, r.answer.Timeout = r.look, atMostEvery, lookTimeout+c.HistoryWait
	return r
}

// Read gives the answer of the last look, or of a new one if a second has passed. It waits until ctx ends. A part that
// could not be read is told in the answer; it is an error if nothing could be read.
func (r *Reader) Read(ctx context.Context) (Answer, error) { return r.answer.Get(ctx) }

func (r *Reader) look(ctx context.Context) (Answer, error) {
	a := Answer{Nodes: []Node{}, Alarms: []Alarm{}, MissingRoles: []string{}, Projections: []Projection{}, Last: []Period{}, Wrong: []string{}, Wanted: []Wanted{}, Unread: []Gap{}}
	controls, err := r.conf.Controls(ctx)
	a.gap(PartControls, err)
	all, now, nodesErr := readNodes(ctx, r.conf.DB)
	a.gap(PartNodes, nodesErr)
	queues, figure, queuesErr := r.queues(ctx)
	a.gap(PartQueues, queuesErr)
	if nodesErr != nil && queuesErr != nil {
		return Answer{}, fmt.Errorf("%w: look at the cluster: %w", domain.ErrUnavailable, errors.Join(nodesErr, queuesErr))
	}
	if a.AsOf = now; nodesErr == nil {
		a.Nodes = nodesOf(all, controls, now)
		a.MissingRoles = append(a.MissingRoles, r.conf.Missing(bare(all))...)
		minute, err := lastMinute(all, now)
		a.gap(PartMinute, err)
		a.Last = append(a.Last, period(Minute, time.Minute, now, minute))
	}
	a.wanted(controls)
	if queuesErr == nil {
		a.AsOf = cmp.Or(a.AsOf, figure.AsOf.Add(figure.Age))
		a.queues(queues, figure, controls)
		a.Retention.Keep = r.conf.Keep.Seconds()
	}
	r.addAlarms(ctx, &a)
	r.addHistory(ctx, &a)
	if a.Storage, err = storage(r.conf.DB); err != nil {
		a.gap(PartStorage, err)
	}
	a.judge(r.conf, figure)
	return a, nil
}

// mostAlarms is how many alarms are told.
const mostAlarms = 100

// addAlarms adds the alarms that are open.
func (r *Reader) addAlarms(ctx context.Context, a *Answer) {
	open, err := r.conf.Alarms(ctx, mostAlarms)
	if err == nil {
		a.watched, err = r.conf.Watched(ctx)
	}
	if a.gap(PartAlarms, err); err == nil {
		a.WatchdogLate = a.watched.Late || !a.watched.Ever && a.lived()
	}
	for _, x := range open {
		a.Alarms = append(a.Alarms, Alarm{
			Alarm: x.Code, Severity: r.conf.Severity(x.Code), State: x.State(), Subject: x.Subject, What: x.What, RaisedAt: x.RaisedAt,
		})
	}
}

// addHistory adds the last 15 minutes and the last day. The first time these take long to read, and a node does not have
// the rest of the answer wait for them.
func (r *Reader) addHistory(ctx context.Context, a *Answer) {
	ctx, cancel := context.WithTimeout(ctx, r.conf.HistoryWait)
	defer cancel()
	h, err := r.history.read(ctx, a.AsOf)
	if err != nil {
		a.gap(PartDay, err)
		return
	}
	a.Last = append(a.Last, period("quarter", quarter, h.quarterAt, h.quarter), period(Day, day, h.dayAt, h.day))
	if h.odd > 0 {
		a.gap(PartDay, fmt.Errorf("%d rows of it cannot be understood", h.odd))
	}
}

// Times is how long a step waited and ran in the last day. All counts are 0 if nothing is known.
func (r *Reader) Times(ctx context.Context, step domain.Step) (Times, error) {
	now, err := r.figures.Now(ctx)
	if err != nil {
		return Times{}, err
	}
	h, err := r.history.read(ctx, now)
	if err != nil {
		return Times{}, err
	}
	return h.day.times(step), nil
}

func (a *Answer) gap(part string, err error) {
	if err != nil {
		a.Unread = append(a.Unread, Gap{Part: part, Why: err.Error()})
	}
}

func bare(all []registration) []work.Node {
	nodes := make([]work.Node, len(all))
	for i, r := range all {
		nodes[i] = r.Node
	}
	return nodes
}

// queues reads the figure of the queues. If it is old, this process looks itself, as seldom as a node would.
func (r *Reader) queues(ctx context.Context) (q Queues, figure Figure, err error) {
	f, err := r.figures.Read(ctx, FigureQueues)
	if err != nil {
		return q, figure, err
	}
	if f != nil && f.Age <= oldFigure {
		err = json.Unmarshal(f.Content, &q)
		return q, *f, err
	}
	if r.own == nil || time.Since(r.ownAt) > QueuesEvery {
		own, asOf, err := NewSurveyor(r.conf.DB, r.conf.Group).Survey(ctx)
		if err != nil {
			return q, figure, err
		}
		r.own, r.ownAsOf, r.ownAt = &own, asOf, time.Now()
	}
	figure.AsOf = r.ownAsOf
	if f != nil { // its age says that nobody has the duty
		figure.Age = f.Age
	}
	return *r.own, figure, nil
}

// storage is the size of a SQLite file and of its log; nil on SQL Server.
func storage(db *schema.DB) (*Storage, error) {
	path := db.DSN().Path
	if path == "" {
		return nil, nil //nolint:nilnil // there is no file
	}
	file, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s := &Storage{Bytes: file.Size()}
	if wal, err := os.Stat(path + "-wal"); err == nil { // there is none where nobody has the file open
		s.WAL = wal.Size()
	}
	return s, nil
}
