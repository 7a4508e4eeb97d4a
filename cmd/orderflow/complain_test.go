package main

import (
	"bytes"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestExecute_logFormat: a node whose log is JSON says in JSON why it does not start, also when its
// arguments are wrong.
func TestExecute_logFormat(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	db := filepath.Join(t.TempDir(), "orders.db")
	for name, c := range map[string]struct {
		args []string
		env  string
		code int
		json bool
		says string
	}{
		"a port that is taken":         {[]string{"--listen", taken.Addr().String(), "--log-format", "json"}, "", exitFailed, true, "--listen"},
		"by the environment":           {[]string{"--listen", taken.Addr().String()}, "json", exitFailed, true, "--listen"},
		"a value that is wrong":        {[]string{"--workers", "0", "--log-format=json"}, "", exitUsage, true, "--workers"},
		"a flag that there is not":     {[]string{"--log-format=json", "--worker", "1"}, "", exitUsage, true, "--worker"},
		"the flag before the variable": {[]string{"--log-format=text", "--workers", "0"}, "json", exitUsage, false, "--workers"},
		"text":                         {[]string{"--listen", taken.Addr().String()}, "", exitFailed, false, "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("ORDERFLOW_LOG_FORMAT", c.env)
			}
			var stdout, stderr bytes.Buffer
			if code := execute(append([]string{"serve", "--dsn", db, "--admin", "127.0.0.1:0"}, c.args...), &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if stdout.Len() > 0 || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("it says %s and %s; want that %s is wrong", &stdout, &stderr, c.says)
			}
			for line := range strings.Lines(stderr.String()) {
				var said struct{ Level, Msg, Error, Part string }
				if err := json.Unmarshal([]byte(line), &said); (err == nil) != c.json {
					t.Errorf("JSON is %v, want %v: %s", err == nil, c.json, line)
				} else if c.json && (said.Level != "error" || said.Msg == "" || said.Error == "" || said.Part != "node") {
					t.Errorf("the line is %s; want level, msg, error and part", line)
				}
			}
		})
	}
}
