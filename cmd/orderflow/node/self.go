package node

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"
)

// self is what a node says of itself.
type self struct {
	name, host, version string
	started             time.Time
	log                 *logrus.Logger
}

// entry is the log of one part of the node.
func (s self) entry(part string) *logrus.Entry {
	return s.log.WithFields(logrus.Fields{"node": s.name, "part": part})
}

func newSelf(conf Config, log *logrus.Logger) self {
	s := self{name: conf.NodeID, host: "unknown", version: conf.Version, started: time.Now(), log: log}
	if s.name == "" {
		s.name = newName()
	}
	if host, err := os.Hostname(); err == nil {
		s.host = host
	}
	return s
}

// newName gives a node a random name: a process that starts again is another node, so that what the
// earlier one left behind is seen as such. The name stands in what customers read, so it says nothing
// of the host, which the register of nodes has.
func newName() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("node-%x", random)
}
