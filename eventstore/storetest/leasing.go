package storetest

import (
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Leasing is a store with the leases on its messages, and with one registered node.
type Leasing interface {
	Store
	// Claim has the node claim the message that goes first; false if none waits for it.
	Claim(t testing.TB) (work.Lease, bool)
	// Lose has the database give the message of a lease to others, as when the registration has expired.
	Lose(t testing.TB, l work.Lease)
	// Own is a lease of the node's registration and consumer group alone, as SettleStart wants it.
	Own() work.Lease
}

// RunLeases runs the cases that every store passes that has leases. open gives one without orders.
func RunLeases(t *testing.T, open func(t testing.TB) Leasing) {
	for name, f := range map[string]func(t *testing.T, s Leasing, l work.Lease){
		"kept":          testLeaseKept,
		"done":          testLeaseDone,
		"lost":          testLeaseLost,
		"forged":        testLeaseForged,
		"conflict":      testLeaseConflict,
		"given back":    testLeaseGivenBack,
		"parked":        testLeaseParked,
		"passed on":     testLeasePassed,
		"started":       testLeaseStarted,
		"not asked for": testLeaseAlone,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			o := appended(t, s, decided(t, s, order(1), place))
			l := claimed(t, s)
			if at := o.Events[0]; l.Topic != work.StepTopic(domain.Scheduling) || l.Position != at.Position || l.Attempt != 1 || l.Interruptions != 0 {
				t.Errorf("the lease on the message of position %d is %+v", at.Position, l)
			}
			f(t, s, l)
		})
	}
}

func claimed(t *testing.T, s Leasing) work.Lease {
	t.Helper()
	l, waits := s.Claim(t)
	if !waits {
		t.Fatal("there is nothing to claim")
	}
	return l
}

func nothingWaits(t *testing.T, s Leasing) {
	t.Helper()
	if l, waits := s.Claim(t); waits {
		t.Errorf("there is something to claim: %+v", l)
	}
}

// under is a unit of what commands decide on the first order, under a lease.
func under(t *testing.T, s Leasing, l work.Lease, how work.Settlement, commands ...domain.Command) work.Unit {
	t.Helper()
	u := decided(t, s, order(1), commands...)
	u.Lease, u.Settle = l, how
	return u
}

// settled is a unit that settles a lease and appends nothing.
func settled(l work.Lease, how work.Settlement) work.Unit {
	return work.Unit{OrderID: order(1), Lease: l, Settle: how, Reason: "a test"}
}

// fenced appends a unit whose lease is not held. Nothing of it may be kept.
func fenced(t *testing.T, s Leasing, u work.Unit) {
	t.Helper()
	before, err := s.Load(t.Context(), order(1))
	must(t, err)
	o, err := tryAppend(t, s, u)
	if !errors.Is(err, domain.ErrFenced) || o.Next != nil {
		t.Errorf("settled as %d: %+v, %v, want ErrFenced", u.Settle, o, err)
	}
	after, err := s.Load(t.Context(), order(1))
	must(t, err)
	same(t, before, after)
}

func testLeaseKept(t *testing.T, s Leasing, l work.Lease) {
	for _, c := range []domain.Command{start, done} {
		if o := appended(t, s, under(t, s, l, work.SettleKeep, c)); o.Next != nil {
			t.Errorf("under a lease that is kept comes %+v", o.Next)
		}
	}
	appended(t, s, settled(l, work.SettleKeep))
}

func testLeaseDone(t *testing.T, s Leasing, l work.Lease) {
	appended(t, s, under(t, s, l, work.SettleKeep, start))
	if o := appended(t, s, under(t, s, l, work.SettleDone, done)); o.Next != nil {
		t.Errorf("under a lease that is done comes %+v", o.Next)
	}
	fenced(t, s, settled(l, work.SettleKeep))
	if next := claimed(t, s); next.Topic != work.StepTopic(domain.PreProcessing) || next.Attempt != 1 {
		t.Errorf("what follows is claimed as %+v", next)
	}
	nothingWaits(t, s)
}

func testLeaseLost(t *testing.T, s Leasing, l work.Lease) {
	s.Lose(t, l)
	for _, how := range []work.Settlement{work.SettleKeep, work.SettleDone, work.SettleReturn, work.SettlePark} {
		fenced(t, s, under(t, s, l, how, start))
		fenced(t, s, settled(l, how))
	}
	behind := under(t, s, l, work.SettleKeep, start) // the lease is looked at before the version
	behind.Expected = 7
	fenced(t, s, behind)
}

func testLeaseForged(t *testing.T, s Leasing, l work.Lease) {
	for _, forge := range []func(*work.Lease){
		func(l *work.Lease) { l.Node = "another" }, func(l *work.Lease) { l.Epoch++ }, func(l *work.Lease) { l.Attempt++ },
		func(l *work.Lease) { l.Position++ },
	} {
		forged := l
		forge(&forged)
		fenced(t, s, under(t, s, forged, work.SettleDone, start))
	}
	appended(t, s, under(t, s, l, work.SettleDone, start))
}

// testLeaseConflict: an append that conflicts keeps nothing, the settlement of its lease included.
func testLeaseConflict(t *testing.T, s Leasing, l work.Lease) {
	u := under(t, s, l, work.SettleDone, start)
	u.Expected = 7
	_, err := tryAppend(t, s, u)
	want(t, err, domain.ErrConflict)
	appended(t, s, under(t, s, l, work.SettleDone, start))
}

func testLeaseGivenBack(t *testing.T, s Leasing, l work.Lease) {
	appended(t, s, settled(l, work.SettleHandBack))
	fenced(t, s, settled(l, work.SettleKeep))
	again := claimed(t, s)
	if again.Attempt != 2 || again.Interruptions != 0 || again.Position != l.Position {
		t.Errorf("what was handed back is claimed as %+v, after %+v", again, l)
	}
	appended(t, s, settled(again, work.SettleReturn))
	if last := claimed(t, s); last.Attempt != 3 || last.Interruptions != 1 {
		t.Errorf("what was interrupted is claimed as %+v", last)
	}
	nothingWaits(t, s)
}

func testLeaseParked(t *testing.T, s Leasing, l work.Lease) {
	appended(t, s, under(t, s, l, work.SettlePark, domain.Park{Reason: "a test"}))
	fenced(t, s, settled(l, work.SettleKeep))
	nothingWaits(t, s)
}

func testLeasePassed(t *testing.T, s Leasing, l work.Lease) {
	appended(t, s, under(t, s, l, work.SettleKeep, start))
	u := under(t, s, l, work.SettlePass, done)
	o := appended(t, s, u)
	if o.Next == nil || o.Next.Message.UUID != u.Messages[0].UUID {
		t.Fatalf("the lease was passed on as %+v, want to %s", o.Next, u.Messages[0].UUID)
	}
	next := o.Next.Lease
	if next.Topic != u.Messages[0].Topic || next.Position != o.Events[0].Position || next.Attempt != 1 || next.Registration != l.Registration || next.Row != l.Row {
		t.Errorf("the lease %+v was passed on as %+v", l, next)
	}
	nothingWaits(t, s)
	fenced(t, s, settled(l, work.SettleKeep))
	appended(t, s, under(t, s, next, work.SettleDone, domain.StartStep{Step: domain.PreProcessing, Attempt: 1, Node: "n"}))
}

func testLeaseStarted(t *testing.T, s Leasing, _ work.Lease) {
	u, err := decided(t, s, order(2), place).Then(domain.Metadata{}, start)
	must(t, err)
	u.Lease, u.Settle = s.Own(), work.SettleStart
	stranger := u
	stranger.Lease.Epoch++
	_, err = tryAppend(t, s, stranger)
	want(t, err, domain.ErrFenced)
	o := appended(t, s, u)
	if o.Next == nil || o.Next.Lease.Position != o.Events[0].Position || o.Next.Lease.Attempt != 1 || o.Next.Lease.Registration != u.Lease.Registration {
		t.Fatalf("the lease was started as %+v", o.Next)
	}
	nothingWaits(t, s)
	u = decided(t, s, order(2), done)
	u.Lease, u.Settle = o.Next.Lease, work.SettleDone
	appended(t, s, u)
	_, err = tryAppend(t, s, u)
	want(t, err, domain.ErrFenced)
}

// testLeaseAlone: without a lease nobody's is asked for.
func testLeaseAlone(t *testing.T, s Leasing, l work.Lease) {
	s.Lose(t, l)
	appended(t, s, decided(t, s, order(1), start))
}
