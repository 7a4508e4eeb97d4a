package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/transport/httpapi"
)

// fakeJobs has one job, about two dead letters.
type fakeJobs struct {
	asked operate.JobOrder
	by    operate.By
	err   error
}

var theJob = operate.JobProgress{
	Job: work.Job{
		ID: work.OperationID{15: 1}, Kind: operate.JobRequeueLetters, State: work.JobRunning, Actor: "operator", Reason: "r", Filter: json.RawMessage(`{}`),
		Positions: []int64{7}, Rate: 100, Total: 2, JobCounts: work.JobCounts{Done: 1}, JobTimes: work.JobTimes{CreatedAt: at, StartedAt: at},
	},
	Left: 1, PerSecond: 0.5, EndsAt: at,
}

func (f *fakeJobs) Plan(_ context.Context, o operate.JobOrder) (operate.JobPlan, error) {
	f.asked = o
	return operate.JobPlan{Kind: o.Kind, Filter: o.Filter, Count: 2, Sample: []operate.Selected{{Subject: "workers:processing/0/7", Seen: 3, About: "about it"}}}, f.err
}

func (f *fakeJobs) Order(_ context.Context, o operate.JobOrder, confirmed int) (work.Job, error) {
	f.asked = o
	if confirmed != 2 {
		return work.Job{}, &operate.JobCountError{Confirmed: confirmed, Count: 2}
	}
	return theJob.Job, f.err
}

func (f *fakeJobs) Progress(_ context.Context, id work.OperationID) (operate.JobProgress, error) {
	if id != theJob.ID {
		return operate.JobProgress{}, domain.ErrNotFound
	}
	return theJob, f.err
}

func (f *fakeJobs) List(_ context.Context, cursor string, limit int) (operate.JobPage, error) {
	if cursor != "" {
		return operate.JobPage{}, &domain.FieldError{Field: "cursor", Expected: "another", Got: cursor}
	}
	return operate.JobPage{Jobs: []operate.JobProgress{theJob}[:min(limit, 1)], NextCursor: "c"}, f.err
}

func (f *fakeJobs) Items(_ context.Context, id work.OperationID, state, cursor string, _ int) (operate.ItemPage, error) {
	if _, err := f.Progress(context.Background(), id); err != nil {
		return operate.ItemPage{}, err
	}
	it := work.JobItem{Seq: 1, Subject: "workers:processing/0/7", Seen: 3, State: work.ItemDone, Ref: "e:5", EndedAt: at}
	return operate.ItemPage{Items: []work.JobItem{it}, NextCursor: state + cursor}, f.err
}

func (f *fakeJobs) Stop(_ context.Context, id work.OperationID, by operate.By) (operate.JobStopped, error) {
	f.by = by
	_, err := f.Progress(context.Background(), id)
	return operate.JobStopped{Changed: true, Job: theJob}, errors.Join(err, f.err)
}

// fakeLetters has one dead letter.
type fakeLetters struct {
	filter operate.LetterFilter
	by     operate.By
	err    error
}

const theLetter = "workers:processing/0/7"

func (f *fakeLetters) List(_ context.Context, filter operate.LetterFilter, cursor string, limit int) (operate.LetterPage, error) {
	f.filter = filter
	l := operate.Letter{Letter: theLetter, Group: "workers", Topic: "processing", Position: 7, UUID: "u", Payload: "{}", Attempt: 3, Interruptions: 3, Reason: "r", ParkedAt: at}
	return operate.LetterPage{Letters: []operate.Letter{l}, Total: limit, TotalLimit: 100_000, NextCursor: cursor}, f.err
}

func (f *fakeLetters) Requeue(_ context.Context, key string, by operate.By) (operate.LetterDone, error) {
	f.by = by
	if key != theLetter {
		return operate.LetterDone{}, domain.ErrNotFound
	}
	return operate.LetterDone{Letter: key, OrderID: letterOrder.String()}, f.err
}

func (f *fakeLetters) Discard(_ context.Context, key string, _ operate.By) (operate.LetterDone, error) {
	return operate.LetterDone{Letter: key}, fmt.Errorf("%w: it is parked", domain.ErrRule)
}

var letterOrder = domain.OrderID{15: 9}

func bulky(jobs *fakeJobs, letters *fakeLetters) http.Handler {
	return newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.Jobs, c.DeadLetters = jobs, letters })
}

func TestJobs(t *testing.T) {
	f := &fakeJobs{}
	h := bulky(f, nil)
	id := theJob.ID.String()
	w := do(t, h, pull("/v1/jobs", `{"kind":"deadletters.requeue","filter":{"topic":["processing"]},"reason":"mended"}`))
	wantBody(t, w, 200, `{"kind":"deadletters.requeue","filter":{"topic":["processing"]},"count":2,"sample":[{"subject":"`+theLetter+`","seen":3,"about":"about it"}]}`+"\n")
	if f.asked.By.Actor != "operator" || f.asked.By.Reason != "mended" || f.asked.By.About["remote"] == "" || f.asked.Rate != 0 {
		t.Errorf("asked %+v", f.asked)
	}
	w = do(t, h, pull("/v1/jobs", `{"kind":"deadletters.requeue","filter":{},"reason":"mended","confirm":2,"rate":7}`))
	if w.Code != 202 || w.Header().Get("Location") != "/v1/jobs/"+id || !strings.Contains(w.Body.String(), `"left":1`) || f.asked.Rate != 7 {
		t.Errorf("ordered: %d %v %s", w.Code, w.Header(), w.Body)
	}
	const job = `"kind":"deadletters.requeue","state":"running","actor":"operator","reason":"r","about":null,"filter":{},"positions":[7],"rate":100,"total":2,` +
		`"done":1,"skipped":0,"failed":0,"created_at":"2026-01-31T12:00:00.123456Z","started_at":"2026-01-31T12:00:00.123456Z","left":1,"per_second":0.5,"ends_at":"2026-01-31T12:00:00.123456Z"}`
	told := `{"id":"` + id + `",` + job
	wantBody(t, do(t, h, request{path: "/v1/jobs/" + id}), 200, told+"\n")
	wantBody(t, do(t, h, request{path: "/v1/jobs?limit=1"}), 200, `{"jobs":[`+told+`],"next_cursor":"c"}`+"\n")
	wantBody(t, do(t, h, request{path: "/v1/jobs/" + id + "/items?state=done&cursor=5"}), 200,
		`{"items":[{"seq":1,"subject":"`+theLetter+`","seen":3,"state":"done","note":"","ref":"e:5","ended_at":"2026-01-31T12:00:00.123456Z"}],"next_cursor":"done5"}`+"\n")
	wantBody(t, do(t, h, pull("/v1/jobs/"+id+"/stop", `{"reason":"enough"}`)), 200, `{"changed":true,"job":`+told+"}\n")
	if f.by.Reason != "enough" {
		t.Errorf("stopped by %+v", f.by)
	}
}

func TestDeadLetters(t *testing.T) {
	f := &fakeLetters{}
	h := bulky(nil, f)
	w := do(t, h, request{path: "/v1/deadletters?topic=processing&topic=rollback&node=n1&customer=c&reason_contains=timed%20out&parked_after=2026-01-31T12:00:00Z&limit=9&cursor=x"})
	wantBody(t, w, 200, `{"letters":[{"letter":"`+theLetter+`","group":"workers","topic":"processing","partition":0,"position":7,"uuid":"u","payload":"{}","attempt":3,"interruptions":3,`+
		`"reason":"r","parked_at":"2026-01-31T12:00:00.123456Z"}],"total":9,"total_limit":100000,"next_cursor":"x"}`+"\n")
	want := operate.LetterFilter{Topics: []string{"processing", "rollback"}, Nodes: []string{"n1"}, Customer: "c", Reason: "timed out", ParkedAfter: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	if !reflect.DeepEqual(f.filter, want) {
		t.Errorf("asked for %+v, want %+v", f.filter, want)
	}
	wantBody(t, do(t, h, pull("/v1/deadletters/"+theLetter+"/requeue", `{"reason":"mended"}`)), 200, `{"letter":"`+theLetter+`","order_id":"`+letterOrder.String()+`"}`+"\n")
	if f.by.Actor != "operator" || f.by.Reason != "mended" {
		t.Errorf("requeued by %+v", f.by)
	}
}

func TestJobs_problems(t *testing.T) {
	h, away := bulky(&fakeJobs{}, &fakeLetters{}), bulky(&fakeJobs{err: domain.ErrUnavailable}, &fakeLetters{err: domain.ErrUnavailable})
	id, other := theJob.ID.String(), work.OperationID{15: 2}.String()
	doubt := bulky(&fakeJobs{err: &operate.JobDoubtError{ID: theJob.ID, Err: domain.ErrUnavailable}}, nil)
	const kind = `{"kind":"deadletters.requeue","reason":"x",`
	for name, c := range map[string]struct {
		http.Handler
		request
		status int
		detail string
	}{
		"another count":         {h, pull("/v1/jobs", kind+`"filter":{},"confirm":3}`), 409, `"confirmed":3,"correlation_id"`},
		"no filter":             {h, pull("/v1/jobs", kind+`"confirm":3}`), 400, "`filter` must be an object"},
		"no kind":               {h, pull("/v1/jobs", `{"filter":{},"reason":"x"}`), 400, "`kind` must be a string"},
		"no reason":             {h, pull("/v1/jobs", `{"filter":{},"kind":"k"}`), 400, "`reason` must be a string"},
		"half a letter":         {h, pull("/v1/jobs", kind+`"filter":{},"confirm":1.5}`), 400, "`confirm` must be a whole number"},
		"a rate in words":       {h, pull("/v1/jobs", kind+`"filter":{},"rate":"fast"}`), 400, "`rate` must be a whole number"},
		"an unknown field":      {h, pull("/v1/jobs", kind+`"filters":{}}`), 400, "did you mean `filter`"},
		"a field of no letter":  {h, pull("/v1/jobs", kind+`"filter":{"topics":[]}}`), 400, "did you mean `topic`"},
		"a field of no order":   {h, pull("/v1/jobs", `{"kind":"orders.cancel","reason":"x","filter":{"statuss":[]}}`), 400, `"suggestion":"status"`},
		"no job":                {h, request{path: "/v1/jobs/" + other}, 404, "there is no job " + other},
		"no job's items":        {h, request{path: "/v1/jobs/" + other + "/items"}, 404, "there is no job"},
		"no job to stop":        {h, pull("/v1/jobs/"+other+"/stop", `{"reason":"x"}`), 404, "there is no job"},
		"no id":                 {h, request{path: "/v1/jobs/x"}, 400, "`id` must be the id of a job"},
		"a cursor":              {h, request{path: "/v1/jobs?cursor=x"}, 400, `"in":"query"`},
		"a limit":               {h, request{path: "/v1/jobs/" + id + "/items?limit=201"}, 400, "`limit` must be"},
		"no letter":             {h, pull("/v1/deadletters/workers:processing/0/8/requeue", `{"reason":"x"}`), 404, "there is no dead letter workers:processing/0/8"},
		"a letter in need":      {h, pull("/v1/deadletters/"+theLetter+"/discard", `{"reason":"x"}`), 409, "it is parked"},
		"a letter, no reason":   {h, pull("/v1/deadletters/"+theLetter+"/requeue", `{}`), 400, "`reason` must be a string"},
		"no topic":              {h, request{path: "/v1/deadletters?topic=polishing"}, 400, "`topic` must be one of rollback, post-processing"},
		"no time":               {h, request{path: "/v1/deadletters?parked_after=monday"}, 400, "`parked_after` must be a time"},
		"not UTF-8":             {h, request{path: "/v1/deadletters?reason_contains=%ff"}, 400, "text in UTF-8"},
		"a parameter twice":     {h, request{path: "/v1/deadletters?limit=1&limit=2"}, 400, "`limit` is given more than once"},
		"away":                  {away, request{path: "/v1/jobs/" + id}, 503, ""},
		"away while ordered":    {away, pull("/v1/jobs", kind+`"filter":{},"confirm":2}`), 503, ""},
		"away while planned":    {away, pull("/v1/jobs", kind+`"filter":{}}`), 503, ""},
		"in doubt":              {doubt, pull("/v1/jobs", kind+`"filter":{},"confirm":2}`), 503, `"job_id":"` + id + `"`},
		"letters that are away": {away, request{path: "/v1/deadletters"}, 503, ""},
	} {
		if w := do(t, c.Handler, c.request); w.Code != c.status || !strings.Contains(w.Body.String(), c.detail) {
			t.Errorf("%s: %d %s; want %d, %s", name, w.Code, w.Body, c.status, c.detail)
		}
	}
}
