package node

import (
	"os"
	"strings"
	"testing"
)

func TestNewName(t *testing.T) {
	a, b := newName(), newName()
	if a == b {
		t.Errorf("two nodes are both called %s", a)
	}
	if host, err := os.Hostname(); err == nil && strings.Contains(a, host) {
		t.Errorf("customers can read the name %q, which has that of the host", a)
	}
	if !nodeName.MatchString(a) {
		t.Errorf("%q would be refused as --node-id", a)
	}
}
