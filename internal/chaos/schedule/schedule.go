package schedule

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds of fault.
const (
	Kill    Kind = "kill"    // kill -9, and a new process after For
	Pause   Kind = "pause"   // SIGSTOP for For, then SIGCONT
	Drain   Kind = "drain"   // SIGTERM, and a new process when it has ended
	Crash   Kind = "crash"   // killed at Point, and a new process
	Skew    Kind = "skew"    // restarted with a wall clock that is wrong by Skew
	Lock    Kind = "lock"    // SQLite: the write lock is held for For
	Full    Kind = "full"    // SQLite: the disk is full for For
	Cut     Kind = "cut"     // SQL Server: the node's connections are cut
	Delay   Kind = "delay"   // SQL Server: the node's packets wait for Lag, for For
	Silence Kind = "silence" // SQL Server: the node's packets are lost for For
)

// SQLite are the kinds that fit SQLite, with their shares; full if its disk can be filled.
func SQLite(full bool) map[Kind]int {
	shares := map[Kind]int{Kill: 22, Pause: 20, Drain: 12, Crash: 32, Skew: 5, Lock: 6}
	if full {
		shares[Full] = 3
	}
	return shares
}

// SQLServer are the kinds that fit SQL Server.
func SQLServer() map[Kind]int {
	return map[Kind]int{Kill: 20, Pause: 16, Drain: 10, Crash: 30, Cut: 12, Delay: 6, Silence: 6}
}

// Fault is one entry of a schedule.
type Fault struct {
	After time.Duration // since the fault before
	Kind  Kind
	Node  int
	For   time.Duration
	Point string // of a Crash
	Pass  int
	Skew  time.Duration
	Lag   time.Duration
}

func (f Fault) String() string {
	s := fmt.Sprintf("%s n%d", f.Kind, f.Node)
	switch f.Kind {
	case Crash:
		s += fmt.Sprintf(" at %s:%d", f.Point, f.Pass)
	case Skew:
		s += " by " + f.Skew.String()
	case Cut, Drain:
	default:
		s += " for " + f.For.String()
	}
	return s
}

// Config says what to draw from.
type Config struct {
	Faults int
	Nodes  int
	Shares map[Kind]int
	Points []string      // crash points
	Lease  time.Duration // pauses outlast it, most of them
	Gap    time.Duration // mean time between faults
}

// New draws a schedule. The crash points take turns, so that a long schedule has each.
func New(seed uint64, conf Config) []Fault {
	r := rand.New(rand.NewPCG(seed, 0x6f72646572666c6f))
	points := append([]string(nil), conf.Points...)
	r.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	kinds, total := inOrder(conf.Shares)
	faults := make([]Fault, conf.Faults)
	crashes := 0
	for i := range faults {
		f := Fault{Node: r.IntN(conf.Nodes), After: conf.Gap/2 + time.Duration(r.Int64N(int64(conf.Gap)))}
		f.Kind = pick(kinds, conf.Shares, r.IntN(total))
		f.For = f.Kind.length(r, conf.Lease)
		f.Pass = 1 + r.IntN(3)
		f.Skew = time.Duration(r.IntN(20)-10)*10*time.Second + 5*time.Second
		f.Lag = time.Duration(20+r.IntN(180)) * time.Millisecond
		if f.Kind == Crash {
			f.Point = points[crashes%len(points)]
			crashes++
		}
		faults[i] = f
	}
	return faults
}

// length is how long a fault of the kind lasts.
func (k Kind) length(r *rand.Rand, lease time.Duration) time.Duration {
	between := func(from, to time.Duration) time.Duration {
		return (from + time.Duration(r.Int64N(int64(to-from)))).Truncate(time.Millisecond)
	}
	switch k {
	case Pause, Silence:
		if r.IntN(4) == 0 { // near the moment at which the node has to stop by itself
			return between(lease*7/10, lease*11/10)
		}
		return between(lease*11/10, lease*5/2)
	case Lock, Full:
		return between(200*time.Millisecond, lease*3/2)
	}
	return between(50*time.Millisecond, lease)
}

var all = []Kind{Kill, Pause, Drain, Crash, Skew, Lock, Full, Cut, Delay, Silence}

func inOrder(shares map[Kind]int) (kinds []Kind, total int) {
	for _, k := range all {
		if shares[k] > 0 {
			kinds = append(kinds, k)
			total += shares[k]
		}
	}
	return kinds, total
}

func pick(kinds []Kind, shares map[Kind]int, n int) Kind {
	for _, k := range kinds {
		if n -= shares[k]; n < 0 {
			return k
		}
	}
	panic("the shares do not add up")
}
