package inflight_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

func TestNodes(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"epochs rise":                           testEpochs,
		"epochs that are gone":                  testEpochsGone,
		"one of a name in a race":               testRegisterRace,
		"a name that is taken":                  testNameTaken,
		"a name that is taken meanwhile":        testTakenMeanwhile,
		"list":                                  testNodesList,
		"renew":                                 testRenew,
		"renew after the end":                   testRenewEnded,
		"renew with what was measured":          testRenewMeasured,
		"renew what was never registered":       testRenewNothing,
		"release":                               testRelease,
		"limits of Register":                    testRegisterLimits,
		"limits of Renew":                       testRenewLimits,
		"a clock of milliseconds":               testTTL,
		"lives, and is not declared lost":       testDeclareLostLive,
		"a renewal that waited for a take-over": testRenewWaited,
	})
}

func register(t *testing.T, db *schema.DB, n work.Node) work.Tenure {
	t.Helper()
	epoch, err := inflight.NewNodes(db).Register(t.Context(), n, time.Hour)
	must(t, err)
	return work.Tenure{Registration: work.Registration{Node: n.Node, Epoch: epoch}}
}

// find gives one registration from the list.
func find(t *testing.T, db *schema.DB, tenure work.Tenure) work.Node {
	t.Helper()
	all, err := inflight.NewNodes(db).List(t.Context())
	must(t, err)
	i := slices.IndexFunc(all, func(n work.Node) bool { return n.Node == tenure.Node && n.Epoch == tenure.Epoch })
	if i < 0 {
		t.Fatalf("%s/%d is not listed", tenure.Node, tenure.Epoch)
	}
	return all[i]
}

// testRenewNothing is how a node tries whether heartbeats are answered: it changes nothing.
func testRenewNothing(t *testing.T, db *schema.DB) {
	tenure := register(t, db, work.Node{Node: name("node")})
	before := find(t, db, tenure)
	err := inflight.NewNodes(db).Renew(t.Context(), work.Registration{Node: tenure.Node}, work.NodeActive, 3, time.Hour)
	if after := find(t, db, tenure); !errors.Is(err, domain.ErrFenced) || after != before {
		t.Errorf("err = %v, want ErrFenced; the registration is %+v, and was %+v", err, after, before)
	}
}

// testRenewMeasured: a heartbeat takes along what is new, and otherwise leaves alone what is there. What a heartbeat took
// that failed is still to be taken.
func testRenewMeasured(t *testing.T, db *schema.DB) {
	tenure, news, taken := register(t, db, work.Node{Node: name("node")}), "", 0
	nodes := inflight.NewNodes(db).Carrying(func() (string, func()) { return news, func() { taken++ } })
	renew := func(epoch int64, measured string, times int) {
		t.Helper()
		err := nodes.Renew(t.Context(), work.Registration{Node: tenure.Node, Epoch: epoch}, work.NodeActive, 0, time.Hour)
		if (err == nil) != (epoch == tenure.Epoch) {
			t.Fatal(err)
		}
		var is string
		must(t, db.QueryRowContext(t.Context(), `SELECT COALESCE(measured, '') FROM nodes WHERE node = ?1`, tenure.Node).Scan(&is))
		if is != measured || taken != times {
			t.Errorf("measured is %q, and was taken along %d times; want %q, %d", is, taken, measured, times)
		}
	}
	renew(tenure.Epoch, "", 0)
	news = `{"placed":1}`
	renew(0, "", 0)
	renew(tenure.Epoch, news, 1)
	news = ""
	renew(tenure.Epoch, `{"placed":1}`, 1)
}

func testEpochs(t *testing.T, db *schema.DB) {
	n := work.Node{Node: name("node")}
	first := register(t, db, n)
	expire(t, db, first)
	if second := register(t, db, n); second.Epoch != first.Epoch+1 {
		t.Fatalf("epoch %d follows %d", second.Epoch, first.Epoch)
	}
	if other := register(t, db, work.Node{Node: name("node")}); other.Epoch != first.Epoch {
		t.Fatalf("another node begins at epoch %d", other.Epoch)
	}
}

// testEpochsGone: an epoch is not given again to a node that had it, though the register does not
// know of it any more, as after a restore of a backup.
func testEpochsGone(t *testing.T, db *schema.DB) {
	n := work.Node{Node: name("node"), Epoch: 7}
	if again := register(t, db, n); again.Epoch != 8 {
		t.Errorf("a node that had epoch 7 registers under epoch %d, want 8", again.Epoch)
	}
}

// testRegisterRace: of several processes that start under one name at once, one is registered.
func testRegisterRace(t *testing.T, db *schema.DB) {
	const racers = 8
	n, other := work.Node{Node: name("node")}, schematest.Again(t, db)
	var registered atomic.Int64
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			_, err := inflight.NewNodes([]*schema.DB{db, other}[i%2]).Register(t.Context(), n, time.Hour)
			var taken *work.NameTakenError
			switch {
			case err == nil:
				registered.Add(1)
			case !errors.As(err, &taken):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := registered.Load(); n != 1 {
		t.Fatalf("%d processes are registered under one name, want 1", n)
	}
}

func testNameTaken(t *testing.T, db *schema.DB) {
	nodes, n := inflight.NewNodes(db), work.Node{Node: name("node"), Host: "here", PID: 7, Admin: "127.0.0.1:1"}
	first := register(t, db, n)
	refused := func(node work.Node, by int64) {
		t.Helper()
		_, err := nodes.Register(t.Context(), node, time.Hour)
		var taken *work.NameTakenError
		if !errors.As(err, &taken) {
			t.Fatalf("err = %v, want that the name is taken", err)
		}
		h, want := taken.Holder, find(t, db, work.Tenure{Registration: work.Registration{Node: n.Node, Epoch: by}})
		if h.Node != n.Node || h.Epoch != by || h.Host != n.Host || h.PID != n.PID || h.Admin != n.Admin || !h.HeartbeatAt.Equal(want.HeartbeatAt) || !h.ExpiresAt.Equal(want.ExpiresAt) {
			t.Errorf("it is taken by %+v, want %+v", h, want)
		}
	}
	refused(n, first.Epoch)
	n.Epoch = first.Epoch // the holder itself, which registers anew
	second := register(t, db, n)
	refused(n, second.Epoch)
	expire(t, db, first)
	expire(t, db, second)
	n.Epoch = 0
	third := register(t, db, n)
	must(t, nodes.Release(t.Context(), third.Registration))
	register(t, db, n)
}

// testTakenMeanwhile: between the look and the registration under the epoch that was found free, another process
// was registered under the name.
func testTakenMeanwhile(t *testing.T, db *schema.DB) {
	nodes := inflight.NewNodes(db)
	enter := func(node work.Node, epoch int64, want bool) {
		t.Helper()
		if in, err := nodes.Enter(t.Context(), node, epoch, time.Hour); in != want || err != nil {
			t.Errorf("under epoch %d: registered %v, err %v; want %v", epoch, in, err, want)
		}
	}
	n := work.Node{Node: name("node")}
	other := register(t, db, work.Node{Node: n.Node, Epoch: 4})
	enter(n, other.Epoch, false)
	enter(n, other.Epoch+1, false)
	enter(work.Node{Node: n.Node, Epoch: other.Epoch}, other.Epoch+1, true) // it was its own
	must(t, nodes.Release(t.Context(), other.Registration))
	must(t, nodes.Release(t.Context(), work.Registration{Node: n.Node, Epoch: other.Epoch + 1}))
	enter(n, 1, false) // the name is free, and the epoch is not higher than those before
	enter(n, other.Epoch+1, false)
	enter(n, other.Epoch+2, true)
}

func testNodesList(t *testing.T, db *schema.DB) {
	n := work.Node{
		Node: name("node"), State: "ignored", Slots: 50, Busy: 7, Host: "höst", PID: 4711, Version: "1.2.3", Roles: "api,worker", Admin: "127.0.0.1:8765",
	}
	older := register(t, db, work.Node{Node: name("node")})
	tenure := register(t, db, n)
	got := find(t, db, tenure)
	for what, at := range map[string]time.Time{"started": got.StartedAt, "heartbeat": got.HeartbeatAt, "expiry, an hour before": got.ExpiresAt.Add(-time.Hour)} {
		if time.Since(at).Abs() > time.Minute {
			t.Errorf("%s: %s", what, at)
		}
	}
	want := n
	want.Epoch, want.State, want.Busy, want.EventLevel = tenure.Epoch, work.NodeActive, 0, domain.EventLevel
	want.StartedAt, want.HeartbeatAt, want.ExpiresAt = got.StartedAt, got.HeartbeatAt, got.ExpiresAt
	if got != want {
		t.Errorf("listed %+v, want %+v", got, want)
	}
	expire(t, db, tenure)
	if !find(t, db, tenure).Expired || find(t, db, older).Expired {
		t.Error("the expired registration is not told from the good one")
	}
	exec(t, db, `UPDATE nodes SET started_at = `+db.Dialect().NowPlus("?2")+` WHERE node = ?1`, older.Node, -1000)
	all, err := inflight.NewNodes(db).List(t.Context())
	must(t, err)
	if !slices.IsSortedFunc(all, func(a, b work.Node) int { return b.StartedAt.Compare(a.StartedAt) }) {
		t.Error("the latest is not listed first")
	}
}

func testRenew(t *testing.T, db *schema.DB) {
	tenure := register(t, db, work.Node{Node: name("node")})
	exec(t, db, `UPDATE nodes SET heartbeat_at = `+db.Dialect().NowPlus("?2")+` WHERE node = ?1`, tenure.Node, -600_000)
	must(t, inflight.NewNodes(db).Renew(t.Context(), tenure.Registration, work.NodeDraining, 5, 2*time.Hour))
	got := find(t, db, tenure)
	if got.State != work.NodeDraining || got.Busy != 5 || time.Since(got.HeartbeatAt).Abs() > time.Minute || time.Until(got.ExpiresAt.Add(-2*time.Hour)).Abs() > time.Minute {
		t.Fatalf("after the renewal: %+v", got)
	}
}

func testRenewEnded(t *testing.T, db *schema.DB) {
	nodes := inflight.NewNodes(db)
	for what, end := range map[string]func(work.Tenure){
		"expired":  func(tenure work.Tenure) { expire(t, db, tenure) },
		"released": func(tenure work.Tenure) { must(t, nodes.Release(t.Context(), tenure.Registration)) },
		"unknown":  func(tenure work.Tenure) { exec(t, db, `DELETE FROM nodes WHERE node = ?1`, tenure.Node) },
		// States outlast a clock that is put back.
		"lost, the clock put back": func(tenure work.Tenure) {
			exec(t, db, `UPDATE nodes SET state = 'lost' WHERE node = ?1`, tenure.Node)
		},
		"stopped, the clock put back": func(tenure work.Tenure) {
			exec(t, db, `UPDATE nodes SET state = 'stopped' WHERE node = ?1`, tenure.Node)
		},
	} {
		t.Run(what, func(t *testing.T) {
			tenure := register(t, db, work.Node{Node: name("node")})
			end(tenure)
			for range 2 {
				if err := nodes.Renew(t.Context(), tenure.Registration, work.NodeActive, 0, time.Hour); !errors.Is(err, domain.ErrFenced) {
					t.Fatalf("err = %v, want ErrFenced", err)
				}
			}
		})
	}
}

func testRelease(t *testing.T, db *schema.DB) {
	tenure, nodes := register(t, db, work.Node{Node: name("node")}), inflight.NewNodes(db)
	must(t, nodes.Renew(t.Context(), tenure.Registration, work.NodeActive, 5, time.Hour))
	must(t, nodes.Release(t.Context(), tenure.Registration))
	if got := find(t, db, tenure); got.State != work.NodeStopped || !got.Expired || got.Busy != 0 {
		t.Fatalf("released: %+v", got)
	}
	if err := nodes.Release(t.Context(), tenure.Registration); !errors.Is(err, domain.ErrFenced) {
		t.Fatalf("released again: err = %v, want ErrFenced", err)
	}
}

func testRegisterLimits(t *testing.T, db *schema.DB) {
	bytes := func(n int) string { return strings.Repeat("x", n) }
	most := work.Node{Node: name("node"), Host: bytes(255), Version: bytes(64), Roles: bytes(64), Admin: bytes(255)}
	most.Node += bytes(100 - len(most.Node))
	nodes := inflight.NewNodes(db)
	_, err := nodes.Register(t.Context(), most, 24*24*time.Hour)
	must(t, err)
	if got := find(t, db, work.Tenure{Registration: work.Registration{Node: most.Node, Epoch: 1}}); got.Host != most.Host || got.Admin != most.Admin || time.Until(got.ExpiresAt) < 23*24*time.Hour {
		t.Fatalf("registered %+v", got)
	}
	for what, n := range map[string]work.Node{
		"no name":        {},
		"long name":      {Node: bytes(101)},
		"long host":      {Node: "n", Host: bytes(256)},
		"long version":   {Node: "n", Version: bytes(65)},
		"long roles":     {Node: "n", Roles: bytes(65)},
		"long address":   {Node: "n", Admin: bytes(256)},
		"negative slots": {Node: "n", Slots: -1},
	} {
		if _, err := nodes.Register(t.Context(), n, time.Hour); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", what, err)
		}
	}
	for _, ttl := range []time.Duration{0, -time.Second, time.Microsecond, 24*24*time.Hour + 1} {
		if _, err := nodes.Register(t.Context(), work.Node{Node: "n"}, ttl); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("for %s: err = %v, want ErrInvalid", ttl, err)
		}
	}
}

func testRenewLimits(t *testing.T, db *schema.DB) {
	tenure, nodes := register(t, db, work.Node{Node: name("node")}), inflight.NewNodes(db)
	for _, ttl := range []time.Duration{0, -time.Second, 24*24*time.Hour + 1} {
		if err := nodes.Renew(t.Context(), tenure.Registration, work.NodeActive, 0, ttl); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("for %s: err = %v, want ErrInvalid", ttl, err)
		}
	}
	for _, state := range []string{"", work.NodeStopped, work.NodeLost, "resting"} {
		if err := nodes.Renew(t.Context(), tenure.Registration, state, 0, time.Hour); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("in state %q: err = %v, want ErrInvalid", state, err)
		}
	}
	must(t, nodes.Renew(t.Context(), tenure.Registration, work.NodeActive, 0, 24*24*time.Hour))
}

// testTTL waits for a registration to expire by itself.
func testTTL(t *testing.T, db *schema.DB) {
	nodes, n := inflight.NewNodes(db), work.Node{Node: name("node")}
	began := time.Now()
	epoch, err := nodes.Register(t.Context(), n, 150*time.Millisecond)
	must(t, err)
	for !find(t, db, work.Tenure{Registration: work.Registration{Node: n.Node, Epoch: epoch}}).Expired {
		if time.Since(began) > patience {
			t.Fatal("it does not expire")
		}
	}
	if took := time.Since(began); took < 145*time.Millisecond {
		t.Errorf("it expired after %s", took)
	}
}

func testDeclareLostLive(t *testing.T, db *schema.DB) {
	alive := register(t, db, work.Node{Node: name("node")})
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		lost, err := inflight.DeclareLost(t.Context(), tx, alive.Registration)
		if lost {
			t.Error("a node that lives was declared lost")
		}
		return err
	}))
}

// testRenewWaited has a renewal wait for the row of its registration while the
// registration expires and is declared lost: by the time at which the renewal began it
// would still be good.
func testRenewWaited(t *testing.T, db *schema.DB) {
	const ttl = 300 * time.Millisecond
	m, other, nodes := register(t, db, work.Node{Node: name("node")}), schematest.Again(t, db), inflight.NewNodes(db)
	must(t, other.Ping(t.Context()))
	renewed := make(chan error, 1)
	must(t, nodes.Renew(t.Context(), m.Registration, work.NodeActive, 1, ttl))
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `UPDATE nodes SET busy = busy WHERE node = ?1`, m.Node); err != nil {
			return err
		}
		go func() {
			renewed <- inflight.NewNodes(other).Renew(context.Background(), m.Registration, work.NodeActive, 1, ttl)
		}()
		for lost := false; !lost; { // until the database's clock says so
			var err error
			if lost, err = inflight.DeclareLost(t.Context(), tx, m.Registration); err != nil {
				return err
			}
		}
		return nil
	}))
	if err := <-renewed; !errors.Is(err, domain.ErrFenced) {
		t.Fatalf("a renewal that waited while its registration was declared lost: err = %v, want ErrFenced", err)
	}
}
