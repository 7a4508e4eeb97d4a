package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
)

// TestBulk_orders cancels orders in bulk, and retries them. One of them is cancelled by somebody else meanwhile.
func TestBulk_orders(t *testing.T) {
	const orders = 5
	path := database(t)
	n := runHere(t, path, "--roles", "api,projector")
	n.untilReadyz(http.StatusOK, "")
	n.untilLogged("every node reads the newest forms of events")
	for range orders {
		if code, text := n.place(`{}`); code != http.StatusAccepted {
			t.Fatal(text)
		}
	}
	cancelled := bulkOf(t, path, orders, "orders", "cancel", "--status", "Pending")
	again := bulkOf(t, path, orders, "orders", "retry", "--status", "Cancelled")
	none := bulkOf(t, path, orders, "orders", "retry", "--status", "Cancelled")
	serviceOf(t, path, func(s service) {
		jobs := node.JobsOf(s.db, s.store, s.views)
		for _, it := range itemsOf(t, jobs, cancelled, work.ItemDone, orders) {
			id, _ := domain.ParseOrderID(it.Subject)
			events, err := s.store.Load(t.Context(), id)
			if err != nil || len(events) != 3 || it.Ref != domain.EventID(id, 2) || events[1].Metadata.CausationID != cancelled.ID.String() || events[1].Metadata.Actor != cancelled.Actor {
				t.Errorf("order %s was cancelled by %+v, err %v; the item says %+v", id, events, err, it)
			}
		}
		for _, it := range itemsOf(t, jobs, again, work.ItemDone, orders) {
			id, err := domain.ParseOrderID(strings.TrimSuffix(it.Ref, ":1"))
			if err != nil {
				t.Fatal(err)
			}
			view, err := s.views.Get(t.Context(), id)
			if err != nil || view.RetryOf.String() != it.Subject {
				t.Errorf("order %s was retried as %+v, err %v", it.Subject, view, err)
			}
		}
		for _, it := range itemsOf(t, jobs, none, work.ItemSkipped, orders) {
			if !strings.Contains(it.Note, "is the new try") {
				t.Errorf("retried again: %+v", it)
			}
		}
	})
	for what, c := range map[string]struct{ method, path, body, want string }{
		"the jobs":     {http.MethodGet, "/v1/jobs", "", again.ID.String()},
		"its items":    {http.MethodGet, "/v1/jobs/" + none.ID.String() + "/items?state=skipped", "", "is the new try"},
		"a dry run":    {http.MethodPost, "/v1/jobs", `{"kind":"orders.cancel","filter":{"status":["Pending"]},"reason":"a test"}`, `"count":5`},
		"dead letters": {http.MethodGet, "/v1/deadletters?topic=processing", "", `"total":0`},
	} {
		if code, text := n.ask(c.method, n.Addresses().AdminURL()+c.path, c.body); code != http.StatusOK || !strings.Contains(text, c.want) {
			t.Errorf("%s: the node answers %d %s", what, code, text)
		}
	}
	if r := call("check", "--dsn", path); r.code != exitDone {
		t.Errorf("check exited %d\n%s", r.code, r.stdout)
	}
	for what, args := range map[string][]string{
		"not both":           {"cancel", "019c3a51-5e0c-7d7a-a8d0-0d1d4c3a9b1e", "--status", "Pending"},
		"no order is named":  {"retry"},
		"for an order":       {"cancel", "--status", "Pending", "--now"},
		"exclude each other": {"retry", "--status", "Failed", "--all"},
		"--status":           {"retry", "--status", "Tired"},
	} {
		if r := call(append([]string{"orders", args[0], "--dsn", path, "--reason", "r"}, args[1:]...)...); r.code != exitUsage || !strings.Contains(r.stderr, what) {
			t.Errorf("%v exited %d, want 2 and %q:\n%s", args, r.code, what, r.stderr)
		}
	}
}

// TestBulk_documented: the program understands every command of the sections on dead letters in docs/operations.md.
func TestBulk_documented(t *testing.T) {
	if letters, bulk := understood(t, "Dead letters"), understood(t, "In bulk"); letters < 4 || bulk != 9 {
		t.Errorf("there are %d and %d commands", letters, bulk)
	}
}

// bulkOf has a command order a job about so many items, and waits for the job's end.
func bulkOf(t *testing.T, path string, items int, command ...string) (j work.Job) {
	t.Helper()
	command = append(command, "--dsn", path, "--json", "--reason", "a test")
	eventually(t, func() (bool, string) {
		var plan operate.JobPlan
		err := json.Unmarshal([]byte(said(t, command...)), &plan)
		return err == nil && plan.Count == items, fmt.Sprintf("%v: %+v, err %v", command, plan, err)
	})
	if err := json.Unmarshal([]byte(said(t, append(command, "--confirm", strconv.Itoa(items))...)), &j); err != nil {
		t.Fatal(err)
	}
	serviceOf(t, path, func(s service) { // the node would begin within some seconds
		jobs := node.JobsOf(s.db, s.store, s.views)
		eventually(t, func() (bool, string) {
			err := jobs.Worker().Turn(t.Context())
			now, _ := jobs.Kept.Get(t.Context(), j.ID)
			return now.State == work.JobEnded, fmt.Sprintf("%+v, err %v", now, err)
		})
	})
	return j
}

// itemsOf are the items of a job, which must all have ended so.
func itemsOf(t *testing.T, jobs operate.Jobs, j work.Job, state string, want int) []work.JobItem {
	t.Helper()
	page, err := jobs.Items(t.Context(), j.ID, state, "", operate.MaxJobPage)
	if err != nil || len(page.Items) != want {
		all, _ := jobs.Items(t.Context(), j.ID, "", "", operate.MaxJobPage)
		t.Errorf("%d items of job %s are %s (err %v), want %d: %+v", len(page.Items), j.Kind, state, err, want, all.Items)
	}
	return page.Items
}
