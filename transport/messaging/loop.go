package messaging

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

const (
	// longestPause is the pause between rounds that fail.
	longestPause = 2 * time.Second
	// roundTimeout bounds the database work of one round.
	roundTimeout = 15 * time.Second
	// pressEvery is how often a node without a free slot asks which messages wait: they may have precedence
	// over the next steps of its own orders.
	pressEvery = time.Second
	// closeGrace is how long Close lets the database finish a transaction under way, and again how long it
	// tries to store the last acknowledgements.
	closeGrace = 5 * time.Second
)

// loop is what a subscriber does in its own goroutine. It comes round again and again: it stores
// acknowledgements, claims messages for the free slots and has them delivered. A wake-up brings the next
// round at once; otherwise the pause before it depends on the state:
//
//	busy     the last round found something to do: a few milliseconds
//	idle     it found nothing: twice the pause before, up to Config.IdlePoll
//	failing  it failed: twice the pause before, up to 2 s
//
// After a transaction that failed, acknowledgements are stored without claiming, so that a claim that cannot
// be done does not keep them from being stored.
type loop struct {
	conf     *Config
	slots    *slots
	subs     *subscriptions
	dispatch *dispatcher
	claimer  *inflight.Claimer
	life     context.Context // ends when Close is called
	// work is the context of the transactions. It outlives life by closeGrace, since a COMMIT that is cut
	// short leaves its outcome unknown.
	work context.Context
	done chan struct{} // closed when the loop has ended

	came    atomic.Int64 // when it last came round, in Unix nanoseconds
	failing time.Time    // since when rounds fail; zero if they do not
	failed  bool         // the last transaction failed
	last    bool         // no round comes after this one
	pressed time.Time    // when it last asked what waits while no slot was free
}

// run comes round until the subscriber is closed.
func (l *loop) run() {
	defer close(l.done)
	if l.conf.Bell != nil {
		defer l.conf.Bell.listen(l.slots.wake, l.subs.serves)()
	}
	pause := l.conf.firstPause
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.life.Done():
			l.lastRound()
			return
		case <-l.slots.wake:
		case <-timer.C:
		}
		found, err := l.round(l.work)
		l.came.Store(time.Now().UnixNano())
		l.conf.OnRound(err)
		pause = l.nextPause(pause, found, err)
		timer.Reset(pause)
	}
}

// nextPause is how long to wait after a round, unless something wakes the loop.
func (l *loop) nextPause(pause time.Duration, found bool, err error) time.Duration {
	log := l.conf.Logger.WithField("group", l.conf.Group)
	if err != nil {
		if l.failing.IsZero() {
			l.failing = time.Now()
		}
		pause = min(2*pause, longestPause)
		log.WithError(err).WithField("pause", pause.String()).Error("a round of claiming failed; trying again")
		return pause
	}
	if !l.failing.IsZero() {
		log.WithField("after", time.Since(l.failing).Round(time.Millisecond).String()).Info("claiming goes on")
		l.failing = time.Time{}
	}
	if found {
		return l.conf.firstPause
	}
	pause = min(2*pause, l.conf.IdlePoll)
	if l.claimer.Uncertain() {
		pause = min(pause, inflight.AdoptSoon)
	}
	return pause
}

// round does one round, and says whether there was anything to do. Without a free slot and without
// acknowledgements it seldom asks the database (see pressEvery and Claimer.Adopt).
func (l *loop) round(ctx context.Context) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	l.slots.beginRound()
	defer l.slots.endRound()
	tenure, in := l.conf.Tenure()
	var adoptErr error
	if in {
		adoptErr = l.adopt(ctx, tenure)
	}
	r := inflight.Round{Tenure: tenure, Topics: slices.DeleteFunc(l.subs.topics(l.conf.rank), l.conf.Held), Last: l.last}
	r.Acks, r.Suspect = l.slots.unstored()
	var sources []inflight.Source
	if in && !l.slots.isDraining() && len(r.Topics) > 0 && (!l.failed || len(r.Acks) == 0) {
		sources, err = l.sources(ctx, &r)
	}
	if len(r.Acks) > 0 || len(sources) > 0 {
		var claimErr error
		found, claimErr = l.claim(ctx, r, sources)
		err = errors.Join(err, claimErr)
	}
	return found, errors.Join(adoptErr, err)
}

// adopt delivers messages whose claim was not confirmed, but took place.
func (l *loop) adopt(ctx context.Context, tenure work.Tenure) error {
	claims, err := l.claimer.Adopt(ctx, tenure, l.slots)
	if len(claims) > 0 {
		l.conf.Logger.WithFields(logrus.Fields{"group": l.conf.Group, "messages": len(claims), "answer_lost": l.claimer.Uncertain()}).
			Info("messages whose claim was not confirmed turned out to be claimed")
		l.dispatch.claimed(tenure, claims, l.slots.putFree)
	}
	return err
}

// sources counts the free slots into r and gives the sources to claim from. If no slot is free it gives
// none, and notes now and then which messages wait.
func (l *loop) sources(ctx context.Context, r *inflight.Round) (sources []inflight.Source, err error) {
	if r.Free = l.slots.Free(); r.Free > 0 {
		if sources, err = l.claimer.Sources(ctx, *r); err == nil && len(sources) == 0 {
			l.slots.waits(rankNothing)
		}
		return sources, err
	}
	if l.conf.Ordered || time.Since(l.pressed) < pressEvery {
		return nil, nil
	}
	l.pressed = time.Now()
	waiting, err := l.claimer.Look(ctx, *r)
	if err == nil {
		l.slots.waits(l.rankOf(waiting))
	}
	return nil, err
}

// claim stores the acknowledgements, claims messages and has them delivered. Messages that were given back or are
// a lost node's have precedence: new ones are claimed for the slots that those leave. They are taken over last
// all the same, so that nothing waits for rows that somebody may have locked.
func (l *loop) claim(ctx context.Context, r inflight.Round, sources []inflight.Source) (found bool, err error) {
	if slices.ContainsFunc(sources, func(x inflight.Source) bool { return x.Returned }) {
		r.Free = l.slots.keep(r.Free)
		defer l.slots.keep(0)
	}
	free := r.Free
	returned, err := l.claimer.Returned(ctx, r, sources)
	if l.failed = err != nil; l.failed {
		return false, err
	}
	l.slots.keep(len(returned))
	r.Free -= len(returned)
	got, err := l.claimer.Claim(ctx, r, sources)
	l.failed = err != nil
	l.stored(got)
	if l.failed {
		l.dispatch.claimed(r.Tenure, got.Claims, l.slots.putFree)
		return false, err
	}
	l.note(sources, len(got.Claims)+len(returned), free)
	l.dispatch.claimed(r.Tenure, got.Claims, l.slots.putFree)
	taken, takeErr := l.takeOver(ctx, r.Tenure, returned)
	claims := slices.Concat(got.Claims, taken)
	l.note(sources, len(claims), free)
	l.claimer.Leave(sources, claims, free)
	return len(claims) > 0 || len(got.Stored) > 0, errors.Join(err, takeErr)
}

// stored heeds what became of acknowledgements, and says what was passed over.
func (l *loop) stored(got inflight.Claimed) {
	l.slots.stored(got.Stored)
	for _, a := range got.Late {
		l.conf.Logger.WithFields(a.About).WithField("acked", a.Done).Info("a message was dealt with under a lease that had ended")
	}
	if got.Held > 0 {
		l.conf.Logger.WithFields(logrus.Fields{"group": l.conf.Group, "acknowledgements": got.Held}).
			Warn("acknowledgements were not stored whose rows another process holds locked; trying again later")
	}
	if got.Locked > 0 {
		l.conf.Logger.WithFields(logrus.Fields{"group": l.conf.Group, "partitions": got.Locked}).
			Warn("nothing was claimed from partitions whose offsets another process holds locked; trying again later")
	}
}

// takeOver takes messages over and has them delivered. What somebody holds locked is no error: it is tried again later.
func (l *loop) takeOver(ctx context.Context, tenure work.Tenure, returned []inflight.Returned) ([]inflight.Claim, error) {
	claims, err := l.claimer.TakeOver(ctx, returned)
	l.dispatch.claimed(tenure, claims, l.slots.putKept)
	if errors.Is(err, schema.ErrBusy) {
		l.conf.Logger.WithError(err).WithField("group", l.conf.Group).
			Warn("messages were not taken over whose rows another process holds locked; trying again later")
		err = nil
	}
	return claims, err
}

// note notes which messages wait, once n of the free slots are filled. If they all are, more may wait where
// the messages were found.
func (l *loop) note(sources []inflight.Source, n, free int) {
	switch {
	case free == 0:
	case n < free:
		l.slots.waits(rankNothing)
	default:
		l.slots.waits(l.rankOf(sources))
	}
}

// rankOf is the rank of the first of the messages that wait.
func (l *loop) rankOf(sources []inflight.Source) int {
	first := rankNothing
	for _, x := range sources {
		if x.Returned {
			return rankReturned
		}
		first = min(first, l.conf.rank(x.Topic))
	}
	return first
}

// lastRound waits for handlers whose contexts have ended and stores what they said.
func (l *loop) lastRound() {
	l.slots.startDraining()
	l.last = true
	wait := time.NewTimer(l.conf.CloseWait)
	defer wait.Stop()
	for waiting := true; waiting && l.slots.Busy() > 0; {
		select {
		case <-l.slots.wake: // a delivery has ended
		case <-wait.C:
			waiting = false
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	_, err := l.round(ctx)
	if acks, _ := l.slots.unstored(); len(acks) > 0 && err == nil {
		err = errors.New("their rows are locked by another process")
	}
	if err != nil {
		l.conf.Logger.WithError(err).WithField("group", l.conf.Group).
			Error("the last acknowledgements were not stored; their messages will be delivered again")
	}
}
