package operate

import (
	"slices"

	"orderflow/domain/work"
)

// The codes of alarms. There are no others. Each has a runbook in docs/operations.md.
const (
	LogDamaged        work.AlarmCode = "log_damaged"        // stored events are not what was recorded
	LogLost           work.AlarmCode = "log_lost"           // events that were checked are not there any more
	BeyondHead        work.AlarmCode = "beyond_head"        // something names events that the log does not have
	IllegalHistory    work.AlarmCode = "illegal_history"    // the rules forbid an event
	OrderStuck        work.AlarmCode = "order_stuck"        // an order has lost its message
	KeysWrong         work.AlarmCode = "keys_wrong"         // an order and its reserved keys contradict each other
	ProtectionAltered work.AlarmCode = "protection_altered" // a table, index or trigger is not as declared
	SchemaOlder       work.AlarmCode = "schema_older"       // the schema lacks migrations
	RoleMissing       work.AlarmCode = "role_missing"       // no live node has a role
	ProjectionStopped work.AlarmCode = "projection_stopped" // a projection stands still while its log grows
	WatchdogFailing   work.AlarmCode = "watchdog_failing"   // rounds of the watchdog fail
	ViewWrong         work.AlarmCode = "view_wrong"         // lists contradict the events
	ProjectionBehind  work.AlarmCode = "projection_behind"  // lists show what was a while ago
	DeadLetters       work.AlarmCode = "dead_letters"       // messages were given up
	NodeLost          work.AlarmCode = "node_lost"          // a node did not renew its registration
	NameShared        work.AlarmCode = "node_name_shared"   // two processes have one name
	SchemaNewer       work.AlarmCode = "schema_newer"       // the program that watches is older than the schema
	DiskNearlyFull    work.AlarmCode = "disk_nearly_full"   // the database file has little room to grow
	CheckBehind       work.AlarmCode = "check_behind"       // what is new is not checked in time
)

// Severity says how soon somebody has to look.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // now: data may be wrong or lost, or orders do not move
	Warning  Severity = "warning"  // soon
)

// AlarmKind is what is known of all alarms of a code.
type AlarmKind struct {
	Code     work.AlarmCode
	Severity Severity
	// Stays says that the alarm tells what happened, and not how things are. It is cleared when it has been acknowledged.
	Stays bool
}

var alarmKinds = []AlarmKind{
	{LogDamaged, Critical, false}, {LogLost, Critical, true}, {BeyondHead, Critical, false}, {IllegalHistory, Critical, false},
	{OrderStuck, Critical, false}, {KeysWrong, Critical, false}, {ProtectionAltered, Critical, false}, {SchemaOlder, Critical, false},
	{RoleMissing, Critical, false}, {ProjectionStopped, Critical, false}, {WatchdogFailing, Critical, false},
	{ViewWrong, Warning, false}, {ProjectionBehind, Warning, false}, {DeadLetters, Warning, false}, {NodeLost, Warning, false},
	{NameShared, Warning, false}, {SchemaNewer, Warning, false}, {DiskNearlyFull, Warning, false}, {CheckBehind, Warning, false},
}

// AlarmKinds are all kinds of alarm, the critical ones in front.
func AlarmKinds() []AlarmKind { return slices.Clone(alarmKinds) }

// kindOf is what is known of a code. One that a newer program has raised is a warning.
func kindOf(c work.AlarmCode) AlarmKind {
	i := slices.IndexFunc(alarmKinds, func(k AlarmKind) bool { return k.Code == c })
	if i < 0 {
		return AlarmKind{Code: c, Severity: Warning}
	}
	return alarmKinds[i]
}

// SeverityOf is the severity of the alarms of a code.
func SeverityOf(c work.AlarmCode) Severity { return kindOf(c).Severity }
