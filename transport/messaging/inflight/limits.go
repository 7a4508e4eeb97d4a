package inflight

import (
	"fmt"
	"regexp"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// MaxDelay is the longest time that the database is asked to add to its clock: SQL
// Server adds milliseconds of 32 bits.
const MaxDelay = 24 * 24 * time.Hour

// topicName is what watermill-sql allows too; such names need no quoting in SQL.
var topicName = regexp.MustCompile(`^[A-Za-z0-9\-$:._]{1,100}$`)

// ValidTopic gives an error of kind domain.ErrInvalid if no topic and no consumer group can have the name.
func ValidTopic(name string) error {
	if !topicName.MatchString(name) {
		return fmt.Errorf("%w: %.120q is not a name for a topic or group (1 to 100 of A-Z a-z 0-9 - $ : . _)", domain.ErrInvalid, name)
	}
	return nil
}

// validNode looks whether the tables hold a node, in either dialect.
func validNode(n work.Node) error {
	if n.Node == "" {
		return fmt.Errorf("%w: the node has no name", domain.ErrInvalid)
	}
	if n.Slots < 0 {
		return fmt.Errorf("%w: %d slots", domain.ErrInvalid, n.Slots)
	}
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"name", n.Node, 100},
		{"host", n.Host, 255},
		{"version", n.Version, 64},
		{"roles", n.Roles, 64},
		{"admin address", n.Admin, 255},
	} {
		if len(f.value) > f.most {
			return fmt.Errorf("%w: the node's %s has %d bytes (%d at most)", domain.ErrInvalid, f.name, len(f.value), f.most)
		}
	}
	return nil
}

func validTTL(ttl time.Duration) error {
	if ttl < time.Millisecond || ttl > MaxDelay {
		return fmt.Errorf("%w: a registration for %s (1ms to %s)", domain.ErrInvalid, ttl, MaxDelay)
	}
	return nil
}
