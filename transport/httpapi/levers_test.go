package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/transport/httpapi"
)

// fakeCluster keeps what operators want, and one live node.
type fakeCluster struct {
	all work.Controls
	ops []work.Operation
	err error
}

func (c *fakeCluster) Read(context.Context) (work.Controls, error) { return c.all, c.err }

func (c *fakeCluster) Set(_ context.Context, control work.Control, op work.Operation) (bool, error) {
	for _, is := range c.all {
		if is.Kind == control.Kind && is.Name == control.Name && is.Value == control.Value {
			return false, c.err
		}
	}
	control.SetAt, op.At = at, at
	c.all, c.ops = append(c.all, control), append([]work.Operation{op}, c.ops...)
	return true, c.err
}

func (c *fakeCluster) Clear(_ context.Context, kind, name string, _ work.Operation) (bool, error) {
	for i, is := range c.all {
		if is.Kind == kind && is.Name == name {
			c.all = append(c.all[:i:i], c.all[i+1:]...)
			return true, c.err
		}
	}
	return false, c.err
}

// fakeRegister is the register of the cluster's nodes.
type fakeRegister struct{ *fakeCluster }

func (c fakeRegister) List(context.Context) ([]work.Node, error) {
	n := work.Node{
		Node: "w1", Epoch: 7, State: work.NodeCordoned, Slots: 5, Busy: 2, Host: "h", PID: 42, Version: "1", Roles: "api,worker", Admin: "127.0.0.1:1",
		StartedAt: at, HeartbeatAt: at, ExpiresAt: at, EventLevel: 3,
	}
	ended := n
	ended.Epoch, ended.Expired, ended.State = 6, true, work.NodeLost
	return []work.Node{n, ended}, c.err
}

// fakeLog is the log of its operations.
type fakeLog struct{ *fakeCluster }

func (c fakeLog) List(_ context.Context, most int, before work.OperationID) (page []work.Operation, _ error) {
	page = []work.Operation{}
	for _, op := range c.ops {
		if len(page) < most && (before.IsZero() || op.ID.String() < before.String()) {
			page = append(page, op)
		}
	}
	return page, c.err
}

func levered(c *fakeCluster) http.Handler {
	levers := operate.Levers{Controls: c, Nodes: fakeRegister{c}, Operations: fakeLog{c}}
	return newAdmin(&fakeNode{}, func(conf *httpapi.AdminConfig) { conf.Levers = levers })
}

func pull(path, body string) request { return request{method: http.MethodPost, path: path, body: body} }

func TestLevers(t *testing.T) {
	c := &fakeCluster{}
	h := levered(c)
	for _, step := range []struct{ path, body, want string }{
		{"/v1/steps/Processing/pause", `{"reason":"hot"}`, `{"changed":true,"now":"the step is paused: its messages wait, and what runs goes on to its end"}`},
		{"/v1/steps/Processing/pause", `{"reason":"hot"}`, `{"changed":false,"now":"the step is paused: its messages wait, and what runs goes on to its end"}`},
		{"/v1/steps/Processing/resume", `{"reason":"cold"}`, `{"changed":true,"now":"the step is not paused"}`},
		{"/v1/steps/Processing/resume", `{"reason":"cold"}`, `{"changed":false,"now":"the step is not paused"}`},
		{"/v1/nodes/w1/cordon", `{"reason":"disk"}`, `{"changed":true,"now":"the node is cordoned: it begins no work, and stays"}`},
		{"/v1/nodes/w1/uncordon", `{"reason":"disk"}`, `{"changed":true,"now":"the node is not cordoned"}`},
		{"/v1/nodes/w1/loglevel", `{"level":"debug","reason":"look"}`, `{"changed":true,"now":"the node logs from the level debug on","epoch":7}`},
		{"/v1/nodes/w1/stop", `{"reason":"disk"}`, `{"changed":true,"now":"the node is stopping: it drains, within --drain-timeout","epoch":7}`},
		{"/v1/nodes/w1/drain", `{"reason":"disk"}`, `{"changed":false,"now":"the node is stopping already","epoch":7}`},
	} {
		wantBody(t, do(t, h, pull(step.path, step.body)), http.StatusOK, step.want+"\n")
	}
	if w := do(t, h, request{path: "/v1/operations?limit=2"}); w.Code != 200 || strings.Count(w.Body.String(), `"action":`) != 2 ||
		!strings.Contains(w.Body.String(), `"actor":"operator","action":"nodes stop","subject":"w1","reason":"disk","details":{"correlation_id":"`+corr+`","remote":"192.0.2.1:1234"}`) ||
		!strings.Contains(w.Body.String(), `"next_cursor":"`+c.ops[1].ID.String()+`"`) {
		t.Errorf("the log is %d %s", w.Code, w.Body)
	}
	if w := do(t, h, request{path: "/v1/operations?cursor=" + c.ops[1].ID.String()}); strings.Count(w.Body.String(), `"action":`) != len(c.ops)-2 || strings.Contains(w.Body.String(), "next_cursor") {
		t.Errorf("the last page is %s", w.Body)
	}
}

func TestLevers_lists(t *testing.T) {
	h := levered(&fakeCluster{all: work.Controls{
		{Kind: work.ControlStep, Name: "Processing", Value: work.ControlPaused, Actor: "operator:ann", Reason: "hot", SetAt: at},
		{Kind: work.ControlEnd, Name: "w1", Epoch: 7, Value: work.ControlDraining, Actor: "operator", Reason: "disk", SetAt: at},
		{Kind: work.ControlLogLevel, Name: "w1", Epoch: 5, Value: "debug", Actor: "operator", Reason: "an earlier one", SetAt: at},
	}})
	const when = `"2026-01-31T12:00:00.123456Z"`
	wantBody(t, do(t, h, request{path: "/v1/steps"}), 200, `{"steps":[{"step":"Scheduling","paused":false},{"step":"PreProcessing","paused":false},`+
		`{"step":"Processing","paused":true,"actor":"operator:ann","reason":"hot","since":`+when+`},{"step":"PostProcessing","paused":false}]}`+"\n")
	live := `{"node":"w1","epoch":7,"state":"cordoned","alive":true,"slots":5,"busy":2,"host":"h","pid":42,"version":"1","roles":"api,worker","admin":"127.0.0.1:1",` +
		`"started_at":` + when + `,"heartbeat_at":` + when + `,"expires_at":` + when + `,"event_level":3,"wanted":[{"what":"draining","actor":"operator","reason":"disk","since":` + when + `}]}`
	wantBody(t, do(t, h, request{path: "/v1/nodes"}), 200, `{"nodes":[`+live+`]}`+"\n")
	if w := do(t, h, request{path: "/v1/nodes?all=true"}); strings.Count(w.Body.String(), `"node":"w1"`) != 2 {
		t.Errorf("all are %s", w.Body)
	}
}

func TestLevers_problems(t *testing.T) {
	h := levered(&fakeCluster{})
	for name, c := range map[string]struct {
		request
		status int
		detail string
	}{
		"no reason":          {pull("/v1/nodes/w1/stop", `{}`), 400, "`reason` must be a string, got nothing"},
		"an empty one":       {pull("/v1/nodes/w1/stop", `{"reason":" "}`), 400, "`reason` must be text in UTF-8 of 1 to 1000 bytes, got nothing"},
		"a long one":         {pull("/v1/nodes/w1/stop", `{"reason":"`+strings.Repeat("x", 1001)+`"}`), 400, "`reason` must be text in UTF-8 of 1 to 1000 bytes, got 1001 bytes"},
		"a number":           {pull("/v1/nodes/w1/stop", `{"reason":7}`), 400, "`reason` must be a string, got number"},
		"another field":      {pull("/v1/nodes/w1/stop", `{"reason":"x","force":true}`), 400, "unknown field `force` (there are: reason)"},
		"a large body":       {pull("/v1/nodes/w1/stop", `{"reason":"`+strings.Repeat("x", 20000)+`"}`), 413, "the body has more than the 16384 bytes allowed"},
		"no JSON":            {pull("/v1/nodes/w1/stop", `reason=x`).with("Content-Type", "text/plain"), 415, "Content-Type must be application/json, got text/plain"},
		"a node that is not": {pull("/v1/nodes/w2/cordon", `{"reason":"x"}`), 404, `there is no live node "w2" (there is w1)`},
		"nor was cordoned":   {pull("/v1/nodes/w2/uncordon", `{"reason":"x"}`), 404, `there is no live node "w2" (there is w1)`},
		"what is not heeded": {pull("/v1/steps/Processing/pause?now=true", `{"reason":"x"}`), 400, "unknown parameter `now` (there are: nothing)"},
		"a step that is not": {pull("/v1/steps/painting/pause", `{"reason":"x"}`), 400, "`step` must be one of Scheduling, PreProcessing, Processing, PostProcessing, got \"painting\""},
		"a level that is no": {pull("/v1/nodes/w1/loglevel", `{"reason":"x","level":"loud"}`), 400, "`level` must be one of trace, debug, info, warn, error, got \"loud\""},
		"a parameter":        {request{path: "/v1/steps?x=1"}, 400, "unknown parameter `x` (there are: nothing)"},
		"a cursor":           {request{path: "/v1/operations?cursor=7"}, 400, "`cursor` must be the next_cursor of a page before, got \"7\""},
		"a limit":            {request{path: "/v1/operations?limit=0"}, 400, "`limit` must be a whole number from 1 to 200, got \"0\""},
		"a flag":             {request{path: "/v1/nodes?all=yes"}, 400, "`all` must be true or false, got \"yes\""},
	} {
		if w := do(t, h, c.request); w.Code != c.status || !strings.Contains(w.Body.String(), fmt.Sprintf(`"detail":%s`, marshal(t, c.detail))) {
			t.Errorf("%s: %d %s\nwant %d, %s", name, w.Code, w.Body, c.status, c.detail)
		}
	}
	away := levered(&fakeCluster{err: fmt.Errorf("%w: a test", domain.ErrUnavailable)})
	for _, q := range []request{{path: "/v1/nodes"}, {path: "/v1/steps"}, {path: "/v1/operations"}, pull("/v1/nodes/w1/drain", `{"reason":"x"}`), pull("/v1/steps/Processing/pause", `{"reason":"x"}`)} {
		if w := do(t, away, q); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s while the database is away: %d", q.path, w.Code)
		}
	}
}

// TestLevers_auth: levers, and what they did, are for operators.
func TestLevers_auth(t *testing.T) {
	auth, err := httpapi.ReadAuth(strings.NewReader("customer:customer-token-0001\noperator:operator-token-0001"))
	if err != nil {
		t.Fatal(err)
	}
	c := &fakeCluster{}
	h := newAdmin(&fakeNode{}, func(conf *httpapi.AdminConfig) {
		conf.Levers, conf.Auth = operate.Levers{Controls: c, Nodes: fakeRegister{c}, Operations: fakeLog{c}}, auth
	})
	for _, q := range []request{{path: "/v1/nodes"}, {path: "/v1/steps"}, {path: "/v1/operations"}, pull("/v1/nodes/w1/drain", `{"reason":"x"}`), pull("/v1/steps/Processing/pause", `{"reason":"x"}`)} {
		for token, want := range map[string]int{"customer-token-0001": 403, "operator-token-0001": 200} {
			if w := do(t, h, q.with("Authorization", "Bearer "+token)); w.Code != want {
				t.Errorf("%s with %s: %d, want %d", q.path, token, w.Code, want)
			}
		}
	}
}
