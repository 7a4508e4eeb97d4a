package inflight_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// eachLevel runs subtests on databases of their own, since the level is one for all.
func eachLevel(t *testing.T, cases map[string]func(t *testing.T, db *schema.DB)) {
	t.Helper()
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) { test(t, open(t)) })
		})
	}
}

func wantLevel(t *testing.T, db *schema.DB, want int) {
	t.Helper()
	if level, err := inflight.NewNodes(db).EventLevel(t.Context()); err != nil || level != want {
		t.Errorf("level %d, err %v; want %d", level, err, want)
	}
	if stored, err := db.Compatibility(t.Context()); err != nil || stored.EventLevel != want {
		t.Errorf("the database says %+v, err %v; want %d", stored, err, want)
	}
}

// joinReading registers a node that reads events up to a level.
func joinReading(t *testing.T, db *schema.DB, level int) work.Tenure {
	t.Helper()
	node := work.Node{Node: name("node")}
	epoch, err := inflight.NewNodes(db).Reading(level).Register(t.Context(), node, time.Hour)
	must(t, err)
	return work.Tenure{Registration: work.Registration{Node: node.Node, Epoch: epoch}}
}

// joinBefore registers a node as the programs before levels did.
func joinBefore(t *testing.T, db *schema.DB) (work.Tenure, error) {
	t.Helper()
	n, d := work.Tenure{Registration: work.Registration{Node: name("old"), Epoch: 1}}, db.Dialect()
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO nodes
			(node, epoch, state, slots, busy, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at)
			VALUES (?1, 1, 'active', 1, 0, '', 1, '', '', '', `+d.Now()+`, `+d.Now()+`, `+d.NowPlus("?2")+`)`, n.Node, 3_600_000)
		return err
	})
	return n, err
}

func TestNodes_EventLevel(t *testing.T) {
	newest := domain.EventLevel
	eachLevel(t, map[string]func(*testing.T, *schema.DB){
		"nobody there": func(t *testing.T, db *schema.DB) { wantLevel(t, db, newest) },
		"waits for the one that reads less": func(t *testing.T, db *schema.DB) {
			joinReading(t, db, newest)
			old, err := joinBefore(t, db)
			must(t, err)
			wantLevel(t, db, 1)
			must(t, inflight.NewNodes(db).Renew(t.Context(), old.Registration, work.NodeDraining, 0, time.Hour))
			wantLevel(t, db, 1) // it still works on what it has
			must(t, inflight.NewNodes(db).Release(t.Context(), old.Registration))
			wantLevel(t, db, newest)
		},
		"waits until an expired one is declared lost": func(t *testing.T, db *schema.DB) {
			old, err := joinBefore(t, db)
			must(t, err)
			expire(t, db, old)
			wantLevel(t, db, 1) // a renewal may be under way
			exec(t, db, `UPDATE nodes SET state = ?2 WHERE node = ?1`, old.Node, work.NodeLost)
			wantLevel(t, db, newest)
		},
		"never beyond what this program reads": func(t *testing.T, db *schema.DB) {
			joinReading(t, db, newest+5)
			wantLevel(t, db, newest)
		},
		"never falls": func(t *testing.T, db *schema.DB) {
			exec(t, db, `UPDATE compatibility SET event_level = ?1`, newest+1)
			wantLevel(t, db, newest+1)
		},
	})
}

// TestNodes_Register_level: who reads less than may be written is refused, also a program that
// knows nothing of levels.
func TestNodes_Register_level(t *testing.T) {
	eachLevel(t, map[string]func(*testing.T, *schema.DB){
		"a program from before": func(t *testing.T, db *schema.DB) {
			wantLevel(t, db, domain.EventLevel)
			_, err := joinBefore(t, db)
			if err == nil {
				t.Error("it was registered")
			}
			if nodes, lerr := inflight.NewNodes(db).List(t.Context()); lerr != nil || len(nodes) != 0 {
				t.Errorf("nodes %+v, err %v; want none", nodes, lerr)
			}
			t.Logf("it is told: %v", err)
		},
		"this program": func(t *testing.T, db *schema.DB) {
			exec(t, db, `UPDATE compatibility SET event_level = ?1`, domain.EventLevel+1)
			_, err := inflight.NewNodes(db).Register(t.Context(), work.Node{Node: name("node")}, time.Hour)
			if !errors.Is(err, domain.ErrNewer) {
				t.Errorf("err = %v, want ErrNewer", err)
			}
		},
		"a newer one": func(t *testing.T, db *schema.DB) {
			wantLevel(t, db, domain.EventLevel)
			if n := find(t, db, joinReading(t, db, domain.EventLevel+1)); n.EventLevel != domain.EventLevel+1 {
				t.Errorf("it reads %d, want %d", n.EventLevel, domain.EventLevel+1)
			}
		},
	})
}

// TestNodes_EventLevel_race: while old nodes try to come in, others raise the level. Once it is
// raised, no old node is in.
func TestNodes_EventLevel_race(t *testing.T) {
	eachLevel(t, map[string]func(*testing.T, *schema.DB){"race": func(t *testing.T, db *schema.DB) {
		const rounds, racers = 20, 3
		other := schematest.Again(t, db)
		for round := range rounds {
			exec(t, db, `DELETE FROM nodes`)
			exec(t, db, `UPDATE compatibility SET event_level = ?1`, 1)
			var wg sync.WaitGroup
			for i := range racers {
				wg.Go(func() {
					node := work.Node{Node: fmt.Sprintf("old-%d-%d", round, i)}
					if _, err := inflight.NewNodes(other).Reading(1).Register(t.Context(), node, time.Hour); err != nil && !errors.Is(err, domain.ErrNewer) {
						t.Error(err)
					}
				})
				wg.Go(func() {
					if _, err := inflight.NewNodes(db).EventLevel(t.Context()); err != nil && !errors.Is(err, schema.ErrBusy) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			var in int
			must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM nodes`).Scan(&in))
			if c, err := db.Compatibility(t.Context()); err != nil || c.EventLevel > 1 && in > 0 {
				t.Fatalf("round %d: level %d with %d nodes that read the first, err %v", round, c.EventLevel, in, err)
			}
		}
	}})
}

// TestNodes_noCompatibility: nodes that meet a database without its level name what is missing.
func TestNodes_noCompatibility(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), `DELETE FROM compatibility`)
			return err
		}))
		nodes := inflight.NewNodes(db)
		if _, err := nodes.EventLevel(t.Context()); !errors.Is(err, schema.ErrNoCompatibility) {
			t.Errorf("the level: err = %v, want ErrNoCompatibility", err)
		}
		if _, err := nodes.Register(t.Context(), work.Node{Node: name("node")}, time.Hour); !errors.Is(err, schema.ErrNoCompatibility) {
			t.Errorf("a registration: err = %v, want ErrNoCompatibility", err)
		}
	})
}
