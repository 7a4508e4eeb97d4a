package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"orderflow/schema"
)

// Config says what is measured, and with what. Each field without kong:"-" is a flag of "orderflow bench".
type Config struct {
	// Start starts a node in this process, Spawn one as a process of its own. Required.
	Start func(context.Context, NodeConfig) (*Node, error)    `kong:"-"`
	Spawn func(context.Context, NodeConfig) (*Process, error) `kong:"-"`
	// Progress is told what is going on.
	Progress func(format string, args ...any) `kong:"-"`
	Earlier  []Report                         `kong:"-"` // whose points of the curve are not measured again

	Where    `group:"Where:"`
	What     `group:"What:"`
	Light    `group:"Light load:"`
	Many     `group:"Many orders:"`
	Clusters `group:"Scale:"`
	Network  `group:"Network:"`

	Window   time.Duration `default:"10s" help:"How long idling is watched." group:"Idling:"`
	Soak     time.Duration `default:"2m" help:"How long a node is kept under steady load, with retention at work." group:"Soaking:"`
	SoakRate float64       `default:"50" help:"Orders a second meanwhile." group:"Soaking:"`
}

// Where says where databases are made. They are removed in the end.
type Where struct {
	Server string `name:"dsn" env:"ORDERFLOW_BENCH_DSN" placeholder:"DSN" help:"Measure on this SQL Server (sqlserver://user:password@host:port), in databases made and dropped there. Default: SQLite."`
	Dir    string `default:"." placeholder:"FOLDER" help:"Where the SQLite files are made, in a folder of their own that is removed. Default: the current folder."`
}

// What says what is measured, and how often.
type What struct {
	Only    []string `placeholder:"MEASURE" help:"Measure only these, of those named below. Default: all."`
	Orders  int      `default:"5000" help:"Orders of one run of a measure."`
	WarmUp  int      `default:"500" help:"Orders before those that are measured."`
	Repeat  int      `default:"3" help:"Runs of each measure; the median is reported."`
	Clients int      `default:"64" help:"Concurrent callers."`
	Workers int      `default:"50" help:"Workers of each node."`
	HTTP    bool     `name:"http" help:"Orders are placed over HTTP on the loopback. Otherwise the API's placer is called, and the cost of HTTP is not included (but for the measure api)."`
}

// Light says what a light load is.
type Light struct {
	Rate        float64 `default:"5" help:"Orders a second at light load."`
	LightOrders int     `default:"100" help:"Orders at light load."`
}

// Many says which store has many orders.
type Many struct {
	SeedOrders int    `default:"100000" help:"Orders to generate for the measure stored."`
	Store      string `placeholder:"FILE" help:"SQLite file of stored orders that is kept: made if it is not there, used again if it is, and added to if it has fewer than --seed-orders. One that was not made by this command is refused."`
}

// Clusters says which clusters are compared.
type Clusters struct {
	Nodes        []int         `default:"1,2,4" help:"Numbers of nodes to measure, each a process."`
	StepDuration time.Duration `default:"5s" help:"Duration of steps."`
	Rounds       int           `default:"4" help:"How many steps of each worker are watched, once all have work."`
}

// Measures are the names of what can be measured, in the order in which it is.
func Measures() []string {
	return []string{"throughput", "latency", "api", "projection", "scale", "stored", "idle", "soak", "cost", networkMeasure}
}

const (
	// maxNodes bounds the processes that are started.
	maxNodes = 64
	// maxWorkers is how many workers a node may have.
	maxWorkers = 10000
)

// Validate says everything that is wrong with the configuration at once.
func (c *Config) Validate() error {
	var errs []error
	for _, m := range c.Only {
		if !slices.Contains(Measures(), m) {
			errs = append(errs, fmt.Errorf("--only has %q: give some of %s", m, strings.Join(Measures(), ",")))
		}
	}
	for _, f := range []struct {
		flag         string
		value, least int
	}{
		{"--orders", c.Orders, 1}, {"--warm-up", c.WarmUp, 0}, {"--repeat", c.Repeat, 1}, {"--clients", c.Clients, 1},
		{"--workers", c.Workers, 1}, {"--light-orders", c.LightOrders, 1}, {"--seed-orders", c.SeedOrders, 1}, {"--rounds", c.Rounds, 1},
		{"--nodes", slices.Min(append(slices.Clone(c.Nodes), maxNodes)), 1},
	} {
		if f.value < f.least {
			errs = append(errs, fmt.Errorf("%s is %d: give at least %d", f.flag, f.value, f.least))
		}
	}
	if c.Workers > maxWorkers {
		errs = append(errs, fmt.Errorf("--workers is %d: give %d at most", c.Workers, maxWorkers))
	}
	if slices.Max(append(slices.Clone(c.Nodes), 0)) > maxNodes {
		errs = append(errs, fmt.Errorf("--nodes is %v: give %d at most", c.Nodes, maxNodes))
	}
	if c.StepDuration < time.Millisecond || c.Window < time.Second || c.Soak < time.Second {
		errs = append(errs, fmt.Errorf("--step-duration is %s, --window %s, --soak %s: give at least 1ms, 1s and 1s", c.StepDuration, c.Window, c.Soak))
	}
	for flag, rate := range map[string]float64{"--rate": c.Rate, "--soak-rate": c.SoakRate} {
		if !(rate >= 0.1 && rate <= 10000) { // written so that NaN is refused
			errs = append(errs, fmt.Errorf("%s is %v: give 0.1 to 10000 orders a second", flag, rate))
		}
	}
	return errors.Join(append(errs, c.validatePlace(), c.validateNetwork())...)
}

func (c *Config) validatePlace() error {
	if d, err := schema.ParseDSN(c.Store); c.Store != "" && (err != nil || d.Path != c.Store) {
		return fmt.Errorf("--store is %q: give the path of a file", c.Store)
	}
	if c.Server != "" {
		d, err := schema.ParseDSN(c.Server)
		switch {
		case err != nil:
			return fmt.Errorf("--dsn: %w", err)
		case c.Store != "":
			return errors.New("--store is a SQLite file: leave out --dsn")
		case d.URL == nil:
			return errors.New("--dsn is for sqlserver://...: SQLite files are made in --dir, so that no database with orders is measured on")
		}
	}
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("--dir is %q: give a folder that is there", c.Dir)
	}
	return nil
}

// networkMeasure is the measure that needs a server.
const networkMeasure = "network"

func (c *Config) validateNetwork() error {
	const most = time.Second
	switch {
	case c.Server == "" && slices.Contains(c.Only, networkMeasure):
		return errors.New("--only has network: give --dsn, since SQLite has no network between it and its nodes")
	case c.Server == "" && c.Delay != 0:
		return errors.New("--network-delay: give --dsn, since SQLite has no network between it and its nodes")
	case c.Delay < 0 || c.Delay > most:
		return fmt.Errorf("--network-delay is %s: give 1s at most", c.Delay)
	}
	return nil
}

func (c *Config) wanted(measure string) bool {
	if len(c.Only) == 0 {
		return measure != networkMeasure || c.Server != ""
	}
	return slices.Contains(c.Only, measure)
}
