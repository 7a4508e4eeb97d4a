package bench

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"orderflow/schema"
)

func machineOf(ctx context.Context, on *scratch) (m Machine, err error) {
	m = Machine{
		Cores: runtime.GOMAXPROCS(0), CPU: cpuModel(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		FileSystem: fileSystem(on.folder),
	}
	_, err = on.with(ctx, func(db *schema.DB) error {
		query := `SELECT 'SQLite ' || sqlite_version()`
		if db.Dialect().Name() != "sqlite" {
			query, m.FileSystem = `SELECT @@VERSION`, ""
		}
		return db.Translate(db.QueryRowContext(ctx, query).Scan(&m.Database))
	})
	m.Database, _, _ = strings.Cut(m.Database, "\n")
	return m, err
}

// fileSystem is the kind of file system that holds a folder, where the kernel tells.
func fileSystem(folder string) string {
	kind, longest := "unknown", 0
	folder, err := filepath.Abs(folder)
	if err != nil {
		return kind
	}
	eachLine("/proc/self/mounts", func(line string) {
		f := strings.Fields(line)
		if len(f) < 3 {
			return
		}
		at := strings.TrimSuffix(f[1], "/") + "/"
		if strings.HasPrefix(folder+"/", at) && len(at) >= longest {
			kind, longest = f[2], len(at)
		}
	})
	return kind
}

func cpuModel() string {
	model := "unknown"
	eachLine("/proc/cpuinfo", func(line string) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
		}
	})
	return model
}

// eachLine gives the lines of a file; none if it cannot be read.
func eachLine(path string, f func(string)) {
	file, err := os.Open(path) //nolint:gosec // the paths are those of the kernel
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		f(lines.Text())
	}
}
