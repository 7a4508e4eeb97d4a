//go:build !linux

package harness

import (
	"context"
	"errors"
	"os"
)

// disk cannot be filled here.
type disk struct{}

func newDisk(_ context.Context, folder string, _ int) (*disk, error) {
	return nil, errors.Join(os.MkdirAll(folder, 0o700), errors.New("only Linux has file systems to fill"))
}

func (*disk) fill() error       { return nil }
func (*disk) free() error       { return nil }
func (*disk) keep(string) error { return nil }
