package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestCounts_damaged: counts that cannot be read are named by all commands that meet them, a node with
// the role projector is not ready and says what mends it, and a rebuild does.
func TestCounts_damaged(t *testing.T) {
	path := database(t, "orders place --tracking-id t-1", "projections rebuild")
	doctor(t, path, `UPDATE checkpoints SET counts = '[]' WHERE projection = 'orders'`)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"check", "--quiet"}, `view: unreadable counts of partition 0: the view says "[]"`},
		{[]string{"projections", "verify", "--quiet"}, "1 counts wrong"},
		{[]string{"projections", "status"}, `"orderflow projections rebuild --dsn FILE" makes them anew`},
	} {
		r := call(append(c.args, "--dsn", path)...)
		said := strings.ReplaceAll(r.stdout+r.stderr, path, "FILE")
		if r.code != exitFailed || !strings.Contains(said, c.want) || strings.Contains(said, "damaged") {
			t.Errorf("%v exited %d, want 1 and %q\n%s%s", c.args, r.code, c.want, r.stdout, r.stderr)
		}
	}

	n := runHere(t, path, "--roles", "api,projector")
	n.untilReadyz(http.StatusServiceUnavailable, "the counts in the checkpoint of orders, partition 0, cannot be read")
	n.untilLogged("the counts of partition 0 cannot be read")
	if r := call("projections", "rebuild", "--quiet", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, "1 counts wrong") {
		t.Errorf("the rebuild exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	n.untilReadyz(http.StatusOK, "")
	if r := call("check", "--quiet", "--dsn", path); r.code != exitDone {
		t.Errorf("check exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
