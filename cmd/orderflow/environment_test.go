package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestStrangeVariables(t *testing.T) {
	got := strangeVariables(kong.Must(&cli{}, kong.Vars{}).Model, []string{
		"PATH=/bin", "ORDERFLOW_DSN=a.db", "ORDERFLOW_NODE_ID=n", "ORDERFLOW_BIN=x", "ORDERFLOW_SA_PASSWORD=x", "ORDERFLOW_VERSION=1", "ORDERFLOW_TEST_SQLSERVER=x", "ORDERFLOW_CHAOS_SKEW=1h",
		"ORDERFLOW_API_SERVICE_HOST=10.0.0.1", "ORDERFLOW_API_SERVICE_PORT_HTTP=80", "ORDERFLOW_PORT=tcp://10.0.0.1:80", "ORDERFLOW_PORT_80_TCP_ADDR=10.0.0.1",
		"ORDERFLOW_WORKER=3", "ORDERFLOW_AUTHFILE=secret", "ORDERFLOW_Dsn=b.db", "ORDERFLOW_MEANING=none",
	})
	want := []string{
		"the variable ORDERFLOW_AUTHFILE is set and no command reads it: did you mean ORDERFLOW_AUTH_FILE?",
		"the variable ORDERFLOW_Dsn is set and no command reads it: did you mean ORDERFLOW_DSN?",
		"the variable ORDERFLOW_MEANING is set and no command reads it",
		"the variable ORDERFLOW_WORKER is set and no command reads it: did you mean ORDERFLOW_WORKERS?",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("warned\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestExecute_warns(t *testing.T) {
	t.Setenv("ORDERFLOW_LISTENS", "x")
	var stdout, stderr bytes.Buffer
	if code := execute([]string{"version"}, &stdout, &stderr); code != exitDone || !strings.Contains(stderr.String(), "did you mean ORDERFLOW_LISTEN?") {
		t.Errorf("exit code %d, said %s", code, &stderr)
	}
}
