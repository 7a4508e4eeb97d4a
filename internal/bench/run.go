package bench

import (
	"context"
	"errors"
)

// run is one run of the benchmark.
type run struct {
	Config
	scratch  *scratch
	database string // Machine.Database
}

// repeat runs f as often as each measure is run.
func (r *run) repeat(what string, f func() error) error {
	for i := range r.Repeat {
		r.Progress("%s: run %d of %d", what, i+1, r.Repeat)
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// node has do use a node in this process, and then stops it.
func (r *run) node(ctx context.Context, c NodeConfig, do func(*Node) error) error {
	n, err := r.Start(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(do(n), n.Stop())
}

// fresh is node on a new database, and gives what that has on disk in the end, in bytes.
func (r *run) fresh(ctx context.Context, c NodeConfig, do func(*Node) error) (bytes int64, err error) {
	if c.DSN, err = r.scratch.database(ctx); err != nil {
		return 0, err
	}
	if err := r.node(ctx, c, do); err != nil {
		return 0, err
	}
	bytes = r.scratch.size(c.DSN)
	return bytes, r.scratch.discard(c.DSN)
}

// process has do use a node that is a process of its own, and then stops it.
func (r *run) process(ctx context.Context, c NodeConfig, do func(*Process) error) error {
	p, err := r.Spawn(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(do(p), p.Stop())
}
