package node

import (
	"fmt"

	"orderflow/schema"
)

// troubles are what a process itself knows to keep the database from being written. A command has the database alone.
type troubles struct {
	db    *schema.DB
	gate  *gate
	heart *pulse
	probe *probe
}

// all gives a sentence for each.
func (t troubles) all() (all []string) {
	add := func(err error) {
		if err != nil {
			all = append(all, err.Error())
		}
	}
	add(t.db.Blocked())
	if t.gate != nil {
		add(t.gate.closed())
		add(t.heart.failing(0))
		add(t.probe.failed())
	}
	if path := t.db.DSN().Path; path != "" {
		if k, err := diskOf(path); err == nil { // elsewhere than on Linux it is not known
			add(k.full(path))
		}
	}
	return all
}

// fullRoom is what must be left for a database that is written.
const fullRoom = 16 << 20

// full says that hardly anything can be written; nil if it can.
func (k disk) full(path string) error {
	if !k.nearlyFull() || k.free >= fullRoom {
		return nil
	}
	return fmt.Errorf("the disk of %s is full: %.1f MB are left", path, float64(k.free)/1e6)
}
