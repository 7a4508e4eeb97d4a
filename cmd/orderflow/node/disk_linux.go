package node

import (
	"path/filepath"
	"syscall"
)

// diskOf asks Linux for the disk of a file.
func diskOf(path string) (disk, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &s); err != nil {
		return disk{}, err
	}
	size := uint64(s.Bsize) //nolint:gosec // the size of a block is not negative
	return disk{free: s.Bavail * size, total: s.Blocks * size}, nil
}
