package node

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/schema"
)

// watchdog looks at the whole system in rounds, while the node has the duty.
type watchdog struct {
	db    *schema.DB
	store *eventstore.Store
	every time.Duration
	still time.Duration // see stillFor
	log   *logrus.Entry
	disk  func(path string) (disk, error) // that a file lies on

	last atomic.Pointer[lastRound]
}

// AlarmsOf are the alarms of a database.
func AlarmsOf(db *schema.DB) operate.Alarms { return operate.Alarms{Log: operations.NewAlarms(db)} }

// lastRound is the last round that this node did.
type lastRound struct {
	at        time.Time // by this node's clock
	succeeded time.Time // the last that did, by this node's clock; zero if none has
	open      map[string]int
}

func newWatchdog(db *schema.DB, store *eventstore.Store, every time.Duration, log *logrus.Entry) *watchdog {
	return &watchdog{db: db, store: store, every: every, still: stillFor, log: log, disk: diskOf}
}

const (
	// patientRounds is for how many rounds the watchdog may fail before that is an alarm.
	patientRounds = 4
	// lookLimit bounds one of the things that a round looks at. On SQL Server it may wait for rows that somebody has locked.
	lookLimit = 30 * time.Second
)

// round does one round. What it is known for is left alone by a round that was not recorded.
func (d *watchdog) round(ctx context.Context) error {
	rounds := operate.Watchdog{Rounds: operations.NewAlarms(d.db), Looks: d.looks(), Patience: patientRounds * d.every, Limit: lookLimit, Tell: d.tell}
	open, recorded, err := rounds.Round(ctx)
	if !recorded {
		return err
	}
	now := &lastRound{at: time.Now(), open: map[string]int{}}
	if now.succeeded = now.at; err != nil {
		now.succeeded = d.lastSuccess()
	}
	for _, a := range open {
		now.open[string(a.Code)]++
	}
	d.last.Store(now)
	return err
}

// lastSuccess is when a round of this node last succeeded; zero if none has.
func (d *watchdog) lastSuccess() time.Time {
	if last := d.last.Load(); last != nil {
		return last.succeeded
	}
	return time.Time{}
}

// alarms counts the open alarms by code, as this node's last round left them; nil if another node has the duty.
func (d *watchdog) alarms() map[string]int {
	last := d.last.Load()
	if last == nil || time.Since(last.at) > patientRounds*d.every {
		return nil
	}
	return last.open
}

// tell logs that an alarm was raised or cleared.
func (d *watchdog) tell(a work.Alarm) {
	entry := d.log.WithFields(logrus.Fields{"alarm": a.Code, "subject": a.Subject, "alarm_id": a.ID.String()})
	switch {
	case a.State() == work.AlarmCleared:
		entry.Info("alarm cleared: " + a.What)
	case operate.SeverityOf(a.Code) == operate.Critical:
		entry.Error("alarm raised: " + a.What)
	default:
		entry.Warn("alarm raised: " + a.What)
	}
}

// looks are what a round looks at.
func (d *watchdog) looks() []operate.Look {
	return []operate.Look{
		{Name: "the log", Codes: logCodes, Do: (&logWatch{watchdog: d}).look},
		{Name: "the heads", Codes: []work.AlarmCode{operate.BeyondHead}, Do: d.heads},
		{Name: "the schema", Codes: []work.AlarmCode{operate.SchemaOlder, operate.SchemaNewer, operate.ProtectionAltered}, Do: d.protection},
		{Name: "the nodes", Codes: []work.AlarmCode{operate.RoleMissing, operate.NodeLost, operate.NameShared}, Do: d.register},
		{Name: "the projections", Codes: []work.AlarmCode{operate.ProjectionStopped, operate.ProjectionBehind}, Do: d.projections},
		{Name: "the dead letters", Codes: []work.AlarmCode{operate.DeadLetters}, Do: d.letters},
		{Name: "the disk", Codes: []work.AlarmCode{operate.DiskNearlyFull}, Do: d.room},
	}
}
