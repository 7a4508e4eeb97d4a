package diagnosis

// Reason is why an order is as it is. docs/operations.md says of each what it means and what to do.
type Reason string

// The reasons, the first to be told first.
const (
	UnknownOrder        Reason = "unknown_order"
	ChainBroken         Reason = "chain_broken"
	IllegalHistory      Reason = "illegal_history"
	HasEnded            Reason = "ended"
	IsParked            Reason = "parked"
	CancelRequested     Reason = "cancel_requested"
	StepPaused          Reason = "step_paused"
	NoWorkerAlive       Reason = "no_worker_alive"
	AllNodesDraining    Reason = "all_nodes_draining"
	OwnerLost           Reason = "owner_lost"
	OwnerSilent         Reason = "owner_silent"
	RollingBack         Reason = "rolling_back"
	CompensationFailing Reason = "compensation_failing"
	RetryScheduled      Reason = "retry_scheduled"
	RunningSlow         Reason = "running_slow"
	Running             Reason = "running"
	WaitingForSlot      Reason = "waiting_for_slot"
	MessageMissing      Reason = "message_missing"
	ViewBehind          Reason = "view_behind"
	JustPlaced          Reason = "just_placed"
	NotRead             Reason = "not_read" // what would tell could not be read
)

// rule is one reason: when it is true, and what is said of it then.
type rule struct {
	reason  Reason
	verdict Verdict
	holds   func(*situation) truth
	tell    func(*situation) told
}

// rules are in the order of precedence. NotRead is not among them, since it follows from the others.
var rules = []rule{
	{UnknownOrder, Unknown, (*situation).unknown, (*situation).tellUnknown},
	{ChainBroken, Inconsistent, (*situation).chainBroken, (*situation).tellFaults},
	{IllegalHistory, Inconsistent, (*situation).illegal, (*situation).tellFaults},
	{HasEnded, Ended, (*situation).ended, (*situation).tellEnded},
	{IsParked, Blocked, (*situation).parked, (*situation).tellParked},
	{CancelRequested, Waiting, (*situation).cancelRequested, (*situation).tellCancel},
	{StepPaused, Blocked, (*situation).stepPaused, (*situation).tellPaused},
	{NoWorkerAlive, Blocked, (*situation).noWorker, (*situation).tellNoWorker},
	{AllNodesDraining, Blocked, (*situation).allDraining, (*situation).tellDraining},
	{OwnerLost, Waiting, (*situation).ownerLost, (*situation).tellOwnerLost},
	{OwnerSilent, Waiting, (*situation).ownerSilent, (*situation).tellOwnerSilent},
	{RollingBack, Progressing, (*situation).rollingBack, (*situation).tellRollingBack},
	{CompensationFailing, Waiting, (*situation).compensationFailing, (*situation).tellCompensation},
	{RetryScheduled, Waiting, (*situation).retryScheduled, (*situation).tellRetry},
	{RunningSlow, Progressing, (*situation).runningSlow, (*situation).tellSlow},
	{Running, Progressing, (*situation).running, (*situation).tellRunning},
	{WaitingForSlot, WaitingForCapacity, (*situation).waitingForSlot, (*situation).tellSlot},
	{MessageMissing, Inconsistent, (*situation).missing, (*situation).tellMissing},
	{ViewBehind, Waiting, (*situation).viewBehind, (*situation).tellView},
	{JustPlaced, Progressing, (*situation).justPlaced, (*situation).tellJustPlaced},
}

// Reasons lists all reasons, the first to be told first.
func Reasons() (all []Reason) {
	for _, r := range rules {
		all = append(all, r.reason)
	}
	return append(all, NotRead)
}

// Diagnose says how the order is that facts are about, and why.
func Diagnose(f Facts) Answer {
	s := situationOf(f)
	first := rule{NotRead, Unknown, nil, (*situation).tellNotRead}
	others := []Reason{}
	found, doubted := false, false
	for _, r := range rules {
		switch r.holds(s) {
		case unsure:
			doubted = true
		case yes:
			if !found && !doubted {
				found, first = true, r
			} else {
				others = append(others, r.reason)
			}
		case no:
		}
	}
	a := Answer{
		OrderID: f.OrderID, Verdict: first.verdict, Reason: first.reason, Others: others,
		Evidence: s.evidence(), Actions: []Action{}, AsOf: instant(f.Now), Gaps: append([]Gap{}, f.Gaps...),
	}
	said := first.tell(s)
	a.Summary, a.Since, a.Next = said.summary, instant(said.since), Next{said.next, instant(said.from)}
	a.Actions = append(a.Actions, said.actions...)
	a.Unusual = s.judged(first.reason, said.since)
	if first.reason == UnknownOrder && f.View.Version > 0 { // lists have what the log does not
		a.Verdict = Inconsistent
	}
	return a
}
