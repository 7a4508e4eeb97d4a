package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds the binary with the tag chaos into dir, and gives its path. root is the
// repository's.
func Build(ctx context.Context, root, dir string) (string, error) {
	path := filepath.Join(dir, "orderflow-chaos")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "chaos", "-ldflags", "-X main.version=chaos", "-o", path, "./cmd/orderflow") //nolint:gosec // the harness names it
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return path, nil
}
