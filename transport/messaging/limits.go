package messaging

import (
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Sizes, in bytes, that the tables hold in either dialect.
const (
	maxNodeName = 100
	maxHost     = 255
	maxVersion  = 64
	maxRoles    = 64
	maxAdmin    = 255
	maxUUID     = 128
)

// maxDelay is the longest time that the database is asked to add to its clock: SQL
// Server adds milliseconds of 32 bits.
const maxDelay = 24 * 24 * time.Hour

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
		{"name", n.Node, maxNodeName},
		{"host", n.Host, maxHost},
		{"version", n.Version, maxVersion},
		{"roles", n.Roles, maxRoles},
		{"admin address", n.Admin, maxAdmin},
	} {
		if len(f.value) > f.most {
			return fmt.Errorf("%w: the node's %s has %d bytes (%d at most)", domain.ErrInvalid, f.name, len(f.value), f.most)
		}
	}
	return nil
}

func validTTL(ttl time.Duration) error {
	if ttl < time.Millisecond || ttl > maxDelay {
		return fmt.Errorf("%w: a registration for %s (1ms to %s)", domain.ErrInvalid, ttl, maxDelay)
	}
	return nil
}
