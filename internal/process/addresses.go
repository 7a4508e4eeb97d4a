package process

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Addresses is the content of the file of "serve --addr-file": which node a process is, and where it
// listens.
type Addresses struct {
	Node   string `json:"node"`
	PID    int    `json:"pid"`
	Listen string `json:"listen,omitempty"` // of the customers' API; empty without the role api
	Admin  string `json:"admin"`
}

// API is the URL of the customers' API; empty without it.
func (a Addresses) API() string { return url(a.Listen) }

// AdminURL is the URL of the admin interface.
func (a Addresses) AdminURL() string { return url(a.Admin) }

func url(address string) string {
	if address == "" {
		return ""
	}
	return "http://" + address
}

// Write replaces a file as a whole, so that a process that waits for the file reads all of it.
func (a Addresses) Write(path string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("--addr-file: %w", err)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil { //nolint:gosec // the operator names the file
		return fmt.Errorf("--addr-file: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil { //nolint:gosec // the operator names the file
		return fmt.Errorf("--addr-file: %w", err)
	}
	return nil
}

// readAddresses reads the file; false if it is not there yet.
func readAddresses(path string) (a Addresses, there bool) {
	text, err := os.ReadFile(path) //nolint:gosec // the file that the process was told to write
	return a, err == nil && json.Unmarshal(text, &a) == nil
}
