package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"orderflow/cmd/orderflow/node"
)

// healthcheckCmd asks a node on this machine whether it is ready. It is for containers,
// which have no other program to ask with.
type healthcheckCmd struct {
	Admin   string        `default:"127.0.0.1:8765" env:"ORDERFLOW_ADMIN" placeholder:"HOST:PORT" help:"Admin interface of the node, as serve was given it."`
	Timeout time.Duration `default:"5s" help:"How long to wait for the answer."`
}

func (*healthcheckCmd) Help() string {
	return `Exit code 0: the node is ready. 1: it is not, or does not answer; what it said goes to standard error.`
}

// Validate refuses addresses that cannot be asked.
func (c *healthcheckCmd) Validate() error {
	if _, port, err := net.SplitHostPort(c.Admin); err != nil || port == "" || port == "0" || node.ValidAddress(c.Admin) != nil {
		return fmt.Errorf("--admin %q: expected HOST:PORT with the port on which the node listens", c.Admin)
	}
	return nil
}

// direct asks without a proxy, since the node is on this machine.
var direct = &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}

// Run asks /readyz.
func (c *healthcheckCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	at := url.URL{Scheme: "http", Host: reachable(c.Admin), Path: "/readyz"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := direct.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %s", at.String(), resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// reachable turns an address to listen on into one to ask: a node that listens
// everywhere is asked on this machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
