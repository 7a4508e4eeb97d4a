package main

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/sirupsen/logrus"

	"orderflow/cmd/orderflow/node"
)

// parse reads a command line as the program does.
func parse(t *testing.T, args ...string) (cli, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Error("the program would have ended") }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return c, err
}

func TestServeCmd_defaults(t *testing.T) {
	c, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	want := serveCmd{databaseFlag: databaseFlag{DSN: "orderflow.db"}, LogLevel: "info", LogFormat: "text"}
	want.Network = node.Network{Listen: "127.0.0.1:8080", Admin: "127.0.0.1:8765"}
	want.Work = node.Work{
		Roles: []string{"api", "worker", "projector"}, Workers: 50, StepTimeout: time.Minute, MaxInterruptions: 3,
		Heartbeat: time.Second, LeaseTTL: 5 * time.Second, DrainTimeout: 30 * time.Second,
	}
	want.Simulated, want.Retention = node.Simulated{StepDuration: 5 * time.Second, StepFailureRate: 0.05}, 24*time.Hour
	want.WatchdogEvery = 15 * time.Second
	if !reflect.DeepEqual(c.Serve, want) {
		t.Errorf("the defaults are\n%+v, want\n%+v", c.Serve, want)
	}
}

// TestServeCmd_environment holds that every flag has its variable, named after it.
func TestServeCmd_environment(t *testing.T) {
	fields := reflect.VisibleFields(reflect.TypeFor[serveCmd]())
	for _, f := range fields {
		if f.Anonymous || f.Tag.Get("kong") == "-" {
			continue
		}
		name := f.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(f.Name, "$1-$2"))
		}
		want := "ORDERFLOW_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if got := f.Tag.Get("env"); got != want {
			t.Errorf("the flag --%s has the variable %q, want %q", name, got, want)
		}
	}
	t.Setenv("ORDERFLOW_STEP_FAILURE_RATE", "0.5")
	t.Setenv("ORDERFLOW_ROLES", "worker")
	t.Setenv("ORDERFLOW_LEASE_TTL", "9s")
	c, err := parse(t, "serve", "--roles", "api")
	if err != nil {
		t.Fatal(err)
	}
	if c.Serve.StepFailureRate != 0.5 || c.Serve.LeaseTTL != 9*time.Second || !reflect.DeepEqual(c.Serve.Roles, []string{"api"}) {
		t.Errorf("with the environment: %+v", c.Serve)
	}
}

func TestServeCmd_Validate(t *testing.T) {
	for _, c := range []struct{ name, args, says string }{
		{"all at once", "--workers 0 --max-interruptions 0", "--max-interruptions is 0"},
		{"a ratio that is not a number", "--step-failure-rate NaN", "--step-failure-rate is NaN"},
		{"a negative ratio", "--step-failure-rate=-0.1", "from 0 to 1"},
		{"too many workers", "--workers 10001", "give 1 to 10000"},
		{"a role twice", "--roles api,api", `--roles has "api"`},
		{"a heartbeat of nothing", "--heartbeat 0s", "--heartbeat is 0s"},
		{"a lease of two heartbeats", "--heartbeat 1s --lease-ttl 2s", "more than twice"},
		{"no time for a step", "--step-timeout 0s", "--step-timeout is 0s"},
		{"no retention", "--retention 1s", "at least 1m0s"},
		{"a name that begins with a dash", "--node-id=-a", "--node-id"},
		{"an address without a port", "--admin localhost", "HOST:PORT"},
		{"a name that may be anything", "--listen example.org:80", "--auth-file"},
		{"an address of the network", "--listen 192.168.1.1:80", "--auth-file"},
		{"a host with a port", "--allowed-hosts orders.example.org:443", "without scheme and port"},
		{"a pattern of hosts", "--allowed-hosts *.example.org", "without scheme and port"},
		{"all addresses of IPv6", "--listen [::]:80", "--auth-file"},
		{"a database in memory", "--dsn :memory:", "name a file"},
		{"an unknown level", "--log-level loud", "--log-level"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parse(t, append([]string{"serve"}, strings.Fields(c.args)...)...); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("serve %s: err %v, want %q", c.args, err, c.says)
			}
		})
	}
	for _, good := range []string{
		"--listen localhost:0 --admin [::1]:0", "--listen 127.9.9.9:80", "--allowed-hosts orders.example.org,10.0.0.7,2001:db8::7", "--listen :80 --admin 0.0.0.0:81 --auth-file tokens",
		"--step-failure-rate 1 --step-duration 0s --drain-timeout 0s", "--node-id a.b-c_9 --roles projector",
		"--dsn sqlserver://u:p@h?database=d --heartbeat 200ms --lease-ttl 1s",
	} {
		if _, err := parse(t, append([]string{"serve"}, strings.Fields(good)...)...); err != nil {
			t.Errorf("serve %s: %v", good, err)
		}
	}
}

func TestNewLog(t *testing.T) {
	var text bytes.Buffer
	log, err := newLog(&text, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 15, 4, 5, 0, time.FixedZone("", 3600))
	log.WithTime(at).Info("quiet")
	log.WithTime(at).WithFields(logrus.Fields{"node": "<n>"}).Warn("loud")
	if got, want := text.String(), `{"level":"warning","msg":"loud","node":"<n>","time":"2026-11-22T14:04:05.000000Z"}`+"\n"; got != want {
		t.Errorf("logged %s, want %s", got, want)
	}
}
