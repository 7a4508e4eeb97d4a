package node

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/handlers/diagnosis"
	"orderflow/projections/cluster"
	"orderflow/schema"
)

const (
	// surveyEvery is the time between two surveys of the node whose duty they are.
	surveyEvery = 15 * time.Second
	// freshSurvey is how old a survey may be that is told. An older one is of no node that lives, and another is made.
	freshSurvey = 2 * surveyEvery
	// ownSurvey is how old one may be that a node tells as its own. Then it has lost the duty, or cannot do it.
	ownSurvey = surveyEvery + surveyEvery/3
)

// Surveys are surveys of open orders: those that one node makes for all, and what they found.
type Surveys struct {
	asks    Diagnoses
	node    string
	figures *cluster.Figures
	status  *cluster.Reader // nil: nothing is known of the cluster
	list    *cluster.Listing

	making chan struct{}     // has one while a survey is made that nobody had made
	spare  *diagnosis.Survey // the last of those; guarded by making

	mu    sync.Mutex
	own   *diagnosis.Survey // the last that this node made as its duty
	ownAt time.Time
}

// NewSurveys opens the surveys of a database, for a node of a name or for a command. status reads the cluster; nil if
// nobody needs to know how long steps take.
func NewSurveys(db *schema.DB, store *eventstore.Store, node string, status *cluster.Reader) *Surveys {
	return &Surveys{
		asks: Diagnoses{DB: db, Store: store}, node: node, status: status, figures: cluster.NewFigures(db), list: cluster.NewListing(db), making: make(chan struct{}, 1),
	}
}

// pass makes a survey, and the figure and the list of it.
func (s *Surveys) pass(ctx context.Context) error {
	made, found, err := s.make(ctx)
	if err != nil {
		return err
	}
	content, err := json.Marshal(made)
	if err != nil {
		return fmt.Errorf("write a survey as JSON: %w", err)
	}
	written, err := s.figures.Write(ctx, cluster.Figure{Name: cluster.DiagnosesFigure, AsOf: made.AsOf, Node: s.node, Content: content})
	if err != nil || !written {
		return err
	}
	s.mu.Lock()
	s.own, s.ownAt = &made, time.Now()
	s.mu.Unlock()
	return s.list.Update(ctx, made.AsOf, listed(made.AsOf, found))
}

// make makes a survey as of before its questions.
func (s *Surveys) make(ctx context.Context) (made diagnosis.Survey, found []diagnosis.Finding, err error) {
	now, err := s.figures.Now(ctx)
	if err == nil {
		made, found, err = s.asks.Survey(ctx, s.pace(ctx))
	}
	made.AsOf, made.Node = now, s.node
	return made, found, err
}

// pace is how fast the cluster is, as far as it is known. Others report a database that does not answer.
func (s *Surveys) pace(ctx context.Context) (known diagnosis.Traffic) {
	if s.status == nil {
		return known
	}
	a, err := s.status.Read(ctx)
	if err != nil {
		return known
	}
	for _, p := range a.Last {
		for _, step := range p.Steps {
			switch {
			case p.Name == cluster.Minute && step.Step == domain.Scheduling:
				known.Starts = float64(step.Wait.Count) / p.Seconds
			case p.Name == cluster.Day:
				if known.Steps == nil {
					known.Steps = map[domain.Step]diagnosis.Pace{}
				}
				known.Steps[step.Step] = diagnosis.Pace{Wait: usual(step.Wait), Run: usual(step.Run)}
			}
		}
	}
	return known
}

func usual(q cluster.Quantiles) diagnosis.Usual {
	return diagnosis.Usual{Count: q.Count, P50: q.P50, P99: q.P99}
}

// listed are the findings that are worth a row: all but of orders that have progressed since the survey before. Those
// would be other ones in every survey.
func listed(asOf time.Time, found []diagnosis.Finding) (all []cluster.Listed) {
	for _, f := range found {
		if f.Verdict != diagnosis.Progressing || asOf.Sub(f.Since) >= diagnosis.ListedAfter {
			all = append(all, cluster.Listed{OrderID: f.OrderID, Reason: string(f.Reason), Verdict: string(f.Verdict), Since: f.Since})
		}
	}
	return all
}

// Latest is the last survey. If that is not fresh, or who made it is gone, as where no node works, one is made; it is
// told for as long as another would.
func (s *Surveys) Latest(ctx context.Context) (diagnosis.Survey, error) {
	x, err := s.figures.Read(ctx, cluster.DiagnosesFigure)
	if err != nil {
		return diagnosis.Survey{}, err
	}
	orphaned := true
	if x != nil && x.Age < freshSurvey {
		if orphaned, err = s.figures.Orphaned(ctx, cluster.DiagnosesFigure); err != nil {
			return diagnosis.Survey{}, err
		}
	}
	if !orphaned {
		var made diagnosis.Survey
		if err := json.Unmarshal(x.Content, &made); err != nil {
			return made, fmt.Errorf("%w: the survey of node %s: %w", domain.ErrCorrupt, x.Node, err)
		}
		made.Age = x.Age.Round(time.Millisecond).Seconds()
		return made, nil
	}
	var since time.Time
	if x != nil {
		since = x.AsOf
	}
	return s.madeNow(ctx, since)
}

// madeNow makes a survey, unless this process has made one a moment ago, and since a time. Who comes meanwhile waits for it.
func (s *Surveys) madeNow(ctx context.Context, since time.Time) (made diagnosis.Survey, err error) {
	select {
	case <-ctx.Done():
		return made, ctx.Err()
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	}
	now, err := s.figures.Now(ctx)
	if err != nil {
		return made, err
	}
	if s.spare != nil && now.Sub(s.spare.AsOf) < surveyEvery && s.spare.AsOf.After(since) {
		made = *s.spare
		made.Age = now.Sub(made.AsOf).Round(time.Millisecond).Seconds()
		return made, nil
	}
	made, _, err = s.make(ctx)
	if err == nil {
		s.spare = &made
	}
	return made, err
}

// ListedAt is what Page is as of; zero if no node has surveyed the orders yet.
func (s *Surveys) ListedAt(ctx context.Context) (time.Time, error) {
	x, err := s.figures.Read(ctx, cluster.DiagnosesFigure)
	if err != nil || x == nil {
		return time.Time{}, err
	}
	return x.AsOf, nil
}

// Page gives orders that have a reason by the last survey of a node, in the order of their ids, after one. There are
// none whose reason is that they progress, and has been for less than the time between two surveys.
func (s *Surveys) Page(ctx context.Context, reason diagnosis.Reason, after domain.OrderID, most int) ([]diagnosis.Finding, error) {
	rows, err := s.list.Page(ctx, string(reason), after, most)
	found := make([]diagnosis.Finding, len(rows))
	for i, r := range rows {
		found[i] = diagnosis.Finding{OrderID: r.OrderID, Reason: diagnosis.Reason(r.Reason), Verdict: diagnosis.Verdict(r.Verdict), Since: r.Since}
	}
	return found, err
}

// Own is the last survey that this node made as its duty, and how long ago; nil if it has none, or another node has the
// duty by now.
func (s *Surveys) Own() (*diagnosis.Survey, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := time.Since(s.ownAt)
	if s.own == nil || age >= ownSurvey {
		return nil, 0
	}
	return s.own, age
}
