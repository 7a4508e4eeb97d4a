package harness

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestDisk fills a disk of its own, frees it, and keeps what was on it.
func TestDisk(t *testing.T) {
	folder, kept := filepath.Join(t.TempDir(), "disk"), filepath.Join(t.TempDir(), "kept")
	d, err := newDisk(t.Context(), folder, 4)
	if err != nil {
		t.Skipf("SKIPPED: THE DISK CANNOT BE FILLED HERE: %v", err)
	}
	write := func() error { return os.WriteFile(filepath.Join(folder, "file"), make([]byte, 100_000), 0o600) }
	if err := d.fill(); err != nil {
		t.Error(err)
	}
	if err := write(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing to a full disk: %v, want ENOSPC", err)
	}
	if err := d.free(); err != nil {
		t.Error(err)
	}
	if err := write(); err != nil {
		t.Error(err)
	}
	if err := d.keep(kept); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(kept, "file")); err != nil || len(text) != 100_000 {
		t.Errorf("what was kept has %d bytes: %v", len(text), err)
	}
}
