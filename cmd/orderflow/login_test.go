package main

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"orderflow/schema/schematest"
)

// TestLogin_refused: a command or a node with a wrong login says so at once. It does not wait for a
// fail-over to end, in which a log-in fails likewise.
func TestLogin_refused(t *testing.T) {
	schematest.NeedSQLServer(t)
	u, err := url.Parse(os.Getenv(schematest.Env))
	if err != nil {
		t.Fatal("the DSN is not a URL")
	}
	u.User = url.UserPassword("of_nobody", "not-this-one") // so that no login is locked out
	for _, command := range []string{"orders list", "nodes list", "migrate", "check", "serve --listen 127.0.0.1:0 --admin 127.0.0.1:0"} {
		began := time.Now()
		r := call(append(strings.Fields(command), "--dsn", u.String())...)
		if took := time.Since(began); r.code != exitFailed || !strings.Contains(r.stderr, "(18456)") || took > 10*time.Second {
			t.Errorf("%s exited %d after %s\n%s", command, r.code, took, r.stderr)
		}
	}
}
