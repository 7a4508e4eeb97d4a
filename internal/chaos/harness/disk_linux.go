package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// disk is a small file system of its own that can be filled up.
type disk struct{ folder string }

// newDisk makes the folder, and mounts a file system of some megabytes on it if that is
// allowed. If it is not, the folder is there all the same.
func newDisk(ctx context.Context, folder string, megabytes int) (*disk, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("mounting a file system takes root")
	}
	cmd := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=0700", megabytes), "orderflow-chaos", folder) //nolint:gosec // the harness names it
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mount: %w: %s", err, out)
	}
	return &disk{folder: folder}, nil
}

func (d *disk) ballast() string { return filepath.Join(d.folder, "ballast") }

// fill leaves no byte free.
func (d *disk) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var fs syscall.Statfs_t
	for range 20 { // the nodes write and remove files meanwhile
		if err := syscall.Statfs(d.folder, &fs); err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		free := int64(fs.Bavail) * fs.Bsize //nolint:gosec // a file system is not that large
		if free == 0 {
			return nil
		}
		err = syscall.Fallocate(int(f.Fd()), 0, info.Size(), free)
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			return err
		}
	}
	return nil
}

func (d *disk) free() error { return os.Remove(d.ballast()) }

// keep copies what is on the disk to a folder that stays, and unmounts it.
func (d *disk) keep(to string) error {
	err := os.CopyFS(to, os.DirFS(d.folder))
	return errors.Join(err, syscall.Unmount(d.folder, syscall.MNT_DETACH)) // who has just died may still hold a file
}
