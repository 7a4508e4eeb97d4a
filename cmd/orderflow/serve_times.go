package main

import (
	"errors"
	"fmt"
	"time"
)

// The bounds of the durations that have some.
const (
	minHeartbeat = 10 * time.Millisecond
	minRetention = time.Minute
)

func (c *serveCmd) validateTimes() error {
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
	if c.LeaseTTL <= 2*c.Heartbeat {
		errs = append(errs, fmt.Errorf("--lease-ttl is %s with a --heartbeat of %s: give more than twice the heartbeat, so that one late heartbeat loses nothing", c.LeaseTTL, c.Heartbeat))
	}
	return errors.Join(errs...)
}
