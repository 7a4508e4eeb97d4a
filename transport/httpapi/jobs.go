package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/internal/jsontext"
)

// Jobs are what operators want done to many things.
type Jobs interface {
	// Plan is a dry run: it changes nothing. Errors of kind domain.ErrInvalid name what is wrong with the order.
	Plan(ctx context.Context, o operate.JobOrder) (operate.JobPlan, error)
	// Order orders a job that is about as many items as were confirmed; a *operate.JobCountError otherwise.
	// It is a *operate.JobDoubtError if it is not known whether the job runs.
	Order(ctx context.Context, o operate.JobOrder, confirmed int) (work.Job, error)
	// Progress says how far a job is; domain.ErrNotFound.
	Progress(ctx context.Context, id work.OperationID) (operate.JobProgress, error)
	// List gives a page of jobs, the newest in front.
	List(ctx context.Context, cursor string, limit int) (operate.JobPage, error)
	// Items gives a page of a job's items; domain.ErrNotFound.
	Items(ctx context.Context, id work.OperationID, state, cursor string, limit int) (operate.ItemPage, error)
	// Stop stops a job; domain.ErrNotFound.
	Stop(ctx context.Context, id work.OperationID, by operate.By) (operate.JobStopped, error)
}

// jobTimeout bounds a dry run, and the freezing of a selection.
const jobTimeout = 2 * time.Minute

// jobRoutes are the jobs of operators.
func (a *admin) jobRoutes(operators []Role) []route {
	look := func(serve func(http.ResponseWriter, *http.Request) error) endpoint {
		return endpoint{serve: serve, roles: operators, timeout: a.timeout}
	}
	return []route{
		{"/v1/jobs", map[string]endpoint{
			http.MethodGet:  look(a.listJobs),
			http.MethodPost: {serve: a.orderJob, roles: operators, timeout: jobTimeout},
		}},
		{"/v1/jobs/{id}", get(look(a.job))},
		{"/v1/jobs/{id}/items", get(look(a.jobItems))},
		{"/v1/jobs/{id}/stop", map[string]endpoint{http.MethodPost: look(a.stopJob)}},
	}
}

// orderJob tells what a job would be about or, if that is confirmed, orders it.
func (a *admin) orderJob(w http.ResponseWriter, r *http.Request) error {
	fields, err := readFields(w, r, []string{"kind", "filter", "reason", "rate", "confirm"})
	if err != nil {
		return err
	}
	o, confirmed, err := decodeJob(r, fields)
	if err != nil {
		return err
	}
	if confirmed == nil {
		plan, err := a.jobs.Plan(r.Context(), o)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, plan)
	}
	j, err := a.jobs.Order(r.Context(), o, *confirmed)
	var count *operate.JobCountError
	if errors.As(err, &count) {
		return problemCountChanged.because(count.Error(), members{"confirmed": count.Confirmed, "count": count.Count})
	}
	var doubt *operate.JobDoubtError
	if errors.As(err, &doubt) {
		return problemJobDoubt.because(doubt.Advice(), members{"job_id": doubt.ID})
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/jobs/"+j.ID.String())
	return answer(w, http.StatusAccepted, operate.JobProgress{Job: j, Left: j.Left()})
}

// decodeJob reads what is asked for. confirmed is nil for a dry run.
func decodeJob(r *http.Request, fields map[string]json.RawMessage) (o operate.JobOrder, confirmed *int, err error) {
	reason, err := decodeText(fields, "reason")
	if err != nil {
		return o, nil, err
	}
	if o.By, err = asks(r, reason); err != nil {
		return o, nil, err
	}
	if o.Kind, err = decodeText(fields, "kind"); err != nil {
		return o, nil, err
	}
	got := "nothing"
	if raw, there := fields["filter"]; there {
		o.Filter, got = raw, jsontext.Kind(raw)
	}
	if got != "object" {
		return o, nil, invalidValue(inBody, "filter", "an object; {} lets everything through", got)
	}
	if known := operate.FilterFields(o.Kind); len(known) > 0 { // of another kind it is said that there is none
		if _, err := decodeObject(o.Filter, known); err != nil {
			return o, nil, err
		}
	}
	rate, err := decodeNumber(fields, "rate")
	if err != nil {
		return o, nil, err
	}
	if rate != nil {
		if o.Rate = *rate; o.Rate == 0 {
			o.Rate = -1 // which is refused; 0 stands for none
		}
	}
	confirmed, err = decodeNumber(fields, "confirm")
	return o, confirmed, err
}

// decodeNumber reads a field that is a whole number; nil if it is left out.
func decodeNumber(fields map[string]json.RawMessage, name string) (*int, error) {
	raw, there := fields[name]
	if !there {
		return nil, nil
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 {
		return nil, invalidValue(inBody, name, "a whole number", domain.Shorten(string(raw)))
	}
	return &n, nil
}

func (a *admin) listJobs(w http.ResponseWriter, r *http.Request) error {
	params, err := readParams(r, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := limitOf(params)
	if err != nil {
		return err
	}
	page, err := a.jobs.List(r.Context(), params.Get("cursor"), limit)
	if err != nil {
		return inTheQuery(err)
	}
	return answer(w, http.StatusOK, page)
}

func (a *admin) job(w http.ResponseWriter, r *http.Request) error {
	id, err := operate.ParseJobID(mux.Vars(r)["id"])
	if err != nil {
		return badJobID(r)
	}
	p, err := a.jobs.Progress(r.Context(), id)
	if err != nil {
		return jobError(r, err)
	}
	return answer(w, http.StatusOK, p)
}

func (a *admin) jobItems(w http.ResponseWriter, r *http.Request) error {
	id, err := operate.ParseJobID(mux.Vars(r)["id"])
	if err != nil {
		return badJobID(r)
	}
	params, err := readParams(r, "state", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := limitOf(params)
	if err != nil {
		return err
	}
	page, err := a.jobs.Items(r.Context(), id, params.Get("state"), params.Get("cursor"), limit)
	if err != nil {
		return jobError(r, inTheQuery(err))
	}
	return answer(w, http.StatusOK, page)
}

func (a *admin) stopJob(w http.ResponseWriter, r *http.Request) error {
	id, err := operate.ParseJobID(mux.Vars(r)["id"])
	if err != nil {
		return badJobID(r)
	}
	by, _, err := readLever(w, r)
	if err != nil {
		return err
	}
	stopped, err := a.jobs.Stop(r.Context(), id, by)
	if err != nil {
		return jobError(r, err)
	}
	return answer(w, http.StatusOK, stopped)
}

func badJobID(r *http.Request) error {
	return invalidValue(inPath, "id", "the id of a job", fmt.Sprintf("%q", domain.Shorten(mux.Vars(r)["id"])))
}

// jobError names the job that was not found.
func jobError(r *http.Request, err error) error {
	if !errors.Is(err, domain.ErrNotFound) {
		return err
	}
	return problemJobNotFound.because("there is no job "+mux.Vars(r)["id"]+"; jobs are kept for 90 days", nil)
}
