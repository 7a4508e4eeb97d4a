package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/transport/httpapi"
)

// fakeAlarms are alarms in memory.
type fakeAlarms struct {
	all []work.Alarm // the latest in front
	err error
}

func (f *fakeAlarms) List(_ context.Context, all bool, most int, before work.AlarmID) (page []work.Alarm, _ error) {
	for _, a := range f.all {
		if len(page) < most && (before.IsZero() || a.ID.String() < before.String()) && (all || a.ClearedAt.IsZero()) {
			page = append(page, a)
		}
	}
	return page, f.err
}

func (f *fakeAlarms) Get(_ context.Context, id work.AlarmID) (work.Alarm, error) {
	for _, a := range f.all {
		if a.ID == id {
			return a, f.err
		}
	}
	return work.Alarm{}, fmt.Errorf("alarm: %w", domain.ErrNotFound)
}

func (f *fakeAlarms) Acknowledge(_ context.Context, id work.AlarmID, op work.Operation) (bool, error) {
	for i, a := range f.all {
		if a.ID == id && a.State() == work.AlarmRaised {
			f.all[i].AcknowledgedAt, f.all[i].AcknowledgedBy, f.all[i].Reason = at, op.Actor, op.Reason
			return true, f.err
		}
	}
	return false, f.err
}

func (f *fakeAlarms) Watched(context.Context) (work.Watch, error) {
	return work.Watch{Round: 7, Succeeded: at, Now: at.Add(1500 * time.Millisecond)}, f.err
}

func alarming(f *fakeAlarms) http.Handler {
	return newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.Alarms = operate.Alarms{Log: f} })
}

func TestAlarms(t *testing.T) {
	one, two := work.AlarmID{15: 1}, work.AlarmID{15: 2}
	f := &fakeAlarms{all: []work.Alarm{
		{ID: two, Code: operate.DeadLetters, Subject: "all", What: "2 letters", RaisedAt: at},
		{ID: one, Code: operate.RoleMissing, Subject: "worker", What: "nobody works", RaisedAt: at, ClearedAt: at},
	}}
	h := alarming(f)
	const when, watchdog = `"2026-01-31T12:00:00.123456Z"`, `"watchdog":{"rounds":7,"last_success":"2026-01-31T12:00:00.123456Z","age_seconds":1.5,"late":true}}` + "\n"
	letters := `{"id":"` + two.String() + `","alarm":"dead_letters","severity":"warning","state":"raised","subject":"all","what":"2 letters","raised_at":` + when +
		`,"runbook":"docs/operations.md#alarm-dead_letters"}`
	gone := `{"id":"` + one.String() + `","alarm":"role_missing","severity":"critical","state":"cleared","subject":"worker","what":"nobody works","raised_at":` + when +
		`,"cleared_at":` + when + `,"runbook":"docs/operations.md#alarm-role_missing"}`
	wantBody(t, do(t, h, request{path: "/v1/alarms"}), 200, `{"alarms":[`+letters+`],`+watchdog)
	wantBody(t, do(t, h, request{path: "/v1/alarms?all=true&limit=1"}), 200, `{"alarms":[`+letters+`],"next_cursor":"`+two.String()+`",`+watchdog)
	wantBody(t, do(t, h, request{path: "/v1/alarms?all=true&limit=1&cursor=" + two.String()}), 200, `{"alarms":[`+gone+`],`+watchdog)

	seen := strings.Replace(letters, `"raised"`, `"acknowledged"`, 1)
	seen = strings.Replace(seen, `,"runbook"`, `,"acknowledged_at":`+when+`,"acknowledged_by":"operator","reason":"I look","runbook"`, 1)
	for _, c := range []struct{ id, changed, alarm string }{
		{two.String(), "true", seen}, {two.String(), "false", seen}, {one.String(), "false", gone},
	} {
		state := "acknowledged"
		if c.alarm == gone {
			state = "cleared"
		}
		wantBody(t, do(t, h, pull("/v1/alarms/"+c.id+"/acknowledge", `{"reason":"I look"}`)), 200, `{"changed":`+c.changed+`,"now":"the alarm is `+state+`","alarm":`+c.alarm+"}\n")
	}
}

func TestAlarms_problems(t *testing.T) {
	h, away := alarming(&fakeAlarms{}), alarming(&fakeAlarms{err: fmt.Errorf("%w: a test", domain.ErrUnavailable)})
	id := work.AlarmID{15: 3}.String()
	for name, c := range map[string]struct {
		http.Handler
		request
		status int
		detail string
	}{
		"an alarm that is not": {h, pull("/v1/alarms/"+id+"/acknowledge", `{"reason":"x"}`), 404, "there is no alarm " + id},
		"no id":                {h, pull("/v1/alarms/x/acknowledge", `{"reason":"x"}`), 400, "`id` must be the id of an alarm"},
		"no reason":            {h, pull("/v1/alarms/"+id+"/acknowledge", `{}`), 400, "`reason` must be a string"},
		"a flag":               {h, request{path: "/v1/alarms?all=1"}, 400, "`all` must be true or false"},
		"a cursor":             {h, request{path: "/v1/alarms?cursor=7"}, 400, "`cursor` must be the next_cursor"},
		"a limit":              {h, request{path: "/v1/alarms?limit=201"}, 400, "`limit` must be"},
		"a parameter":          {h, request{path: "/v1/alarms?open=true"}, 400, "unknown parameter `open`"},
		"away":                 {away, request{path: "/v1/alarms"}, 503, ""},
		"away too":             {away, pull("/v1/alarms/"+id+"/acknowledge", `{"reason":"x"}`), 503, ""},
	} {
		if w := do(t, c.Handler, c.request); w.Code != c.status || !strings.Contains(w.Body.String(), strings.ReplaceAll(c.detail, `"`, `\"`)) {
			t.Errorf("%s: %d %s; want %d, %s", name, w.Code, w.Body, c.status, c.detail)
		}
	}
}

// TestAdmin_alarmMetrics: the node that has the duty counts the open alarms of every code; another one has no such metric.
func TestAdmin_alarmMetrics(t *testing.T) {
	n := aNode()
	n.stat.Alarms, n.stat.WatchdogAt = map[string]int{"dead_letters": 2}, at
	body := do(t, newAdmin(n), request{path: "/metrics"}).Body.String()
	for _, line := range []string{
		`orderflow_alarms{alarm="dead_letters",severity="warning"} 2`, `orderflow_alarms{alarm="log_damaged",severity="critical"} 0`,
		"orderflow_watchdog_last_success_timestamp_seconds 1.769860800123e+09",
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("it does not have %s", line)
		}
	}
	if n := strings.Count(body, "\norderflow_alarms{"); n != len(operate.AlarmKinds()) {
		t.Errorf("it has %d alarms", n)
	}
	n.stat.Alarms, n.stat.WatchdogAt = nil, time.Time{}
	if body := do(t, newAdmin(n), request{path: "/metrics"}).Body.String(); strings.Contains(body, "orderflow_alarms") || strings.Contains(body, "orderflow_watchdog") {
		t.Error("a node that has not the duty has metrics of alarms")
	}
}
