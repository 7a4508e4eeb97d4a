package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxWorkers bounds what one node may ask of a database in one go.
const maxWorkers = 10000

// nodeName is what a node may be called: it stands in events, logs and filters.
var nodeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// hostName is a name as it stands in the header Host.
var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$`)

// Validate says everything that is wrong with the configuration at once.
func (c *Config) Validate() error {
	return errors.Join(c.validateNetwork(), c.validateWork(), c.validateTimes())
}

func (c *Config) validateNetwork() error {
	var errs []error
	for _, l := range []struct{ flag, addr string }{{"--listen", c.Listen}, {"--admin", c.Admin}} {
		if err := ValidAddress(l.addr); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: give HOST:PORT, such as 127.0.0.1:8080 (%w)", l.flag, l.addr, err))
			continue
		}
		if c.AuthFile == "" && !loopback(l.addr) {
			errs = append(errs, fmt.Errorf("%s %s can be reached from other machines and nobody would need a token: give --auth-file (ORDERFLOW_AUTH_FILE), or listen on 127.0.0.1", l.flag, l.addr))
		}
	}
	for _, host := range c.AllowedHosts {
		if net.ParseIP(host) == nil && !hostName.MatchString(host) {
			errs = append(errs, fmt.Errorf("--allowed-hosts has %q: give names or addresses without scheme and port, such as orders.example.org", host))
		}
	}
	return errors.Join(errs...)
}

// ValidAddress says what is wrong with an address to listen on.
func ValidAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err != nil {
		return fmt.Errorf("the port %.20q is not one from 0 to 65535", port)
	}
	return nil
}

// loopback says whether only this machine can reach an address. Names other than
// localhost may mean anything tomorrow.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Roles are what a node can do.
func Roles() []string { return []string{roleAPI, roleWorker, roleProjector} }

func (c *Config) validateWork() error {
	var errs []error
	all := Roles()
	for i, r := range c.Roles {
		if !slices.Contains(all, r) || slices.Contains(c.Roles[:i], r) {
			errs = append(errs, fmt.Errorf("--roles has %q: give each of %s once, or some of them", r, strings.Join(all, ",")))
		}
	}
	if len(c.Roles) == 0 {
		errs = append(errs, fmt.Errorf("--roles is empty: give some of %s", strings.Join(all, ",")))
	}
	if c.NodeID != "" && !nodeName.MatchString(c.NodeID) {
		errs = append(errs, fmt.Errorf("--node-id is %q: give 1 to 100 letters, digits and . _ -, the first a letter or digit", c.NodeID))
	}
	if c.Workers < 1 || c.Workers > maxWorkers {
		errs = append(errs, fmt.Errorf("--workers is %d: give 1 to %d", c.Workers, maxWorkers))
	}
	if c.MaxInterruptions < 1 {
		errs = append(errs, fmt.Errorf("--max-interruptions is %d: give at least 1", c.MaxInterruptions))
	}
	if !(c.StepFailureRate >= 0 && c.StepFailureRate <= 1) { // written so that NaN is refused
		errs = append(errs, fmt.Errorf("--step-failure-rate is %v: give a ratio from 0 to 1", c.StepFailureRate))
	}
	return errors.Join(errs...)
}

// The bounds of the durations that have some.
const (
	minHeartbeat = 10 * time.Millisecond
	minRetention = time.Minute
	minWatchdog  = 100 * time.Millisecond
)

func (c *Config) validateTimes() error {
	var errs []error
	for _, d := range []struct {
		flag      string
		value     time.Duration
		atLeast   time.Duration
		otherwise string
	}{
		{"--step-duration", c.StepDuration, 0, "0s or more"},
		{"--step-timeout", c.StepTimeout, time.Millisecond, "at least 1ms"},
		{"--drain-timeout", c.DrainTimeout, 0, "0s or more"},
		{"--heartbeat", c.Heartbeat, minHeartbeat, "at least " + minHeartbeat.String()},
		{"--retention", c.Retention, minRetention, "at least " + minRetention.String()},
	} {
		if d.value < d.atLeast {
			errs = append(errs, fmt.Errorf("%s is %s: give %s", d.flag, d.value, d.otherwise))
		}
	}
	if c.WatchdogEvery != 0 && c.WatchdogEvery < minWatchdog {
		errs = append(errs, fmt.Errorf("--watchdog-every is %s: give at least %s, or 0 for none", c.WatchdogEvery, minWatchdog))
	}
	if c.LeaseTTL <= 2*c.Heartbeat {
		errs = append(errs, fmt.Errorf("--lease-ttl is %s with a --heartbeat of %s: give more than twice the heartbeat, so that one late heartbeat loses nothing", c.LeaseTTL, c.Heartbeat))
	}
	return errors.Join(errs...)
}
