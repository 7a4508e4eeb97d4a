package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
)

// benchProfiles are the profiles of this process that can be had beside the figures, which
// they make worse.
type benchProfiles struct {
	CPUProfile   string `name:"cpuprofile" placeholder:"FILE" help:"Write a profile of processor time." group:"Profiles (they cost time; for go tool pprof and go tool trace):"`
	MemProfile   string `name:"memprofile" placeholder:"FILE" help:"Write a profile of allocations." group:"Profiles (they cost time; for go tool pprof and go tool trace):"`
	BlockProfile string `name:"blockprofile" placeholder:"FILE" help:"Write a profile of waiting." group:"Profiles (they cost time; for go tool pprof and go tool trace):"`
	Trace        string `name:"trace" placeholder:"FILE" help:"Write an execution trace." group:"Profiles (they cost time; for go tool pprof and go tool trace):"`
}

// start starts what is asked for. stop, which must be called, writes it.
func (p benchProfiles) start() (stop func() error, err error) {
	var stops []func() error
	stop = func() (err error) {
		for _, s := range stops {
			err = errors.Join(err, s())
		}
		return err
	}
	for _, profile := range []struct {
		path  string
		begin func(*os.File) error
		end   func(*os.File) error
	}{
		{p.CPUProfile, func(f *os.File) error { return pprof.StartCPUProfile(f) }, func(*os.File) error { pprof.StopCPUProfile(); return nil }},
		{p.MemProfile, nothing, func(f *os.File) error { runtime.GC(); return pprof.Lookup("allocs").WriteTo(f, 0) }},
		{p.BlockProfile, func(*os.File) error { runtime.SetBlockProfileRate(int(blockRate)); return nil }, func(f *os.File) error { return pprof.Lookup("block").WriteTo(f, 0) }},
		{p.Trace, func(f *os.File) error { return trace.Start(f) }, func(*os.File) error { trace.Stop(); return nil }},
	} {
		if profile.path == "" {
			continue
		}
		f, err := os.Create(profile.path)
		if err == nil {
			err = profile.begin(f)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("profile: %w", err), stop())
		}
		stops = append(stops, func() error { return errors.Join(profile.end(f), f.Close()) })
	}
	return stop, nil
}

// blockRate is the shortest wait, in nanoseconds, that is always sampled.
const blockRate = 10_000

func nothing(*os.File) error { return nil }
