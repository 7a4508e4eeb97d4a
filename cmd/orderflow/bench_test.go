package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/internal/bench"
	"orderflow/schema/schematest"
)

// benchmark runs the command in this process and gives its figures by measure and name.
// Nothing of the scratch databases may be left.
func benchmark(t *testing.T, args ...string) map[string]bench.Figure {
	t.Helper()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if code := execute(append([]string{"bench", "--json", "--dir", dir}, args...), &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return figures(t, stdout.String())
}

func figures(t *testing.T, report string) map[string]bench.Figure {
	t.Helper()
	var r bench.Report
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	known := strings.HasPrefix(r.Machine.Database, "SQLite 3.") || strings.Contains(r.Machine.Database, "SQL Server")
	if r.Machine.Cores < 1 || r.Machine.Go == "" || !known {
		t.Errorf("the machine is %+v", r.Machine)
	}
	all := map[string]bench.Figure{}
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			all[s.Measure+": "+f.Name] = f
		}
	}
	return all
}

// want wants figures to be there, above 0 and with so many samples.
func want(t *testing.T, all map[string]bench.Figure, samples int, names ...string) {
	t.Helper()
	for _, name := range names {
		if f, there := all[name]; !there || f.Value <= 0 || len(f.Samples) != samples {
			t.Errorf("%s is %+v; want it above 0, of %d samples", name, f, samples)
		}
	}
}

func TestBench_throughput(t *testing.T) {
	for name, place := range map[string][]string{"called": nil, "http": {"--http"}} {
		t.Run(name, func(t *testing.T) {
			all := benchmark(t, append(place, "--only", "throughput", "--orders", "60", "--warm-up", "10", "--repeat", "2", "--clients", "8")...)
			want(t, all, 2, "throughput: placed to completed", "throughput: processor time", "throughput: allocations",
				"throughput: transactions", "throughput: bytes written", "throughput: a call to place, p99", "throughput: bytes on disk")
			want(t, all, 3, "throughput: floor: raw inserts, 100 rows a transaction", "throughput: floor: bytes on disk")
			system, floor := all["throughput: placed to completed"], all["throughput: floor: raw inserts, 100 rows a transaction"]
			if got := system.Value / floor.Value; system.OfFloor != got || system.Goal == nil {
				t.Errorf("%+v; want %v of the floor, and a goal", system, got)
			}
			// However many orders share them.
			if f := all["throughput: statements"]; f.Value < 1000 {
				t.Errorf("%v statements for 1,000 orders, which cannot be all", f.Value)
			}
		})
	}
}

// TestBench_sqlserver counts round trips too, where there are any. Those of log-ins are none, although connections
// are opened meanwhile.
func TestBench_sqlserver(t *testing.T) {
	schematest.NeedSQLServer(t)
	all := benchmark(t, "--dsn", os.Getenv(schematest.Env), "--only", "throughput,api", "--orders", "20", "--warm-up", "5", "--repeat", "1", "--clients", "4")
	want(t, all, 1, "throughput: placed to completed", "throughput: round trips", "throughput: bytes written", "api: get, round trips")
	trips, statements, transactions := all["throughput: round trips"].Value, all["throughput: statements"].Value, all["throughput: transactions"].Value
	if trips <= statements || trips > statements+2*transactions {
		t.Errorf("%v round trips, %v statements, %v transactions", trips, statements, transactions)
	}
}

// TestBench_cost: what is counted by cause adds up, and every cause is known by its functions.
func TestBench_cost(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := execute([]string{
		"bench", "--json", "--dir", t.TempDir(), "--only", "cost", "--orders", "40", "--warm-up", "10", "--light-orders", "10", "--rate", "50",
		"--nodes", "1,2", "--repeat", "1",
	}, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	var r bench.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || len(r.Sections) != 1 || len(r.Sections[0].Costs) != 3 {
		t.Fatalf("%v\n%s", err, stdout.String())
	}
	all := figures(t, stdout.String())
	for _, load := range r.Sections[0].Costs {
		var sum float64
		for _, c := range load.Causes {
			if sum += c.Statements; c.Cause == "other" || c.Statements+c.Transactions <= 0 {
				t.Errorf("%s: %+v", load.Load, c)
			}
		}
		name := "cost: " + load.Load + ", statements"
		want(t, all, 1, name, "cost: "+load.Load+", transactions")
		if math.Abs(all[name].Value-sum) > 1e-9 {
			t.Errorf("%s: %v statements by cause, %v in all", load.Load, sum, all[name].Value)
		}
	}
}

func TestPrintCosts(t *testing.T) {
	var text bytes.Buffer
	err := printCosts(&output{w: &text}, []bench.Costs{
		{Load: "under load", Causes: []bench.Cost{{Cause: "a > b", Statements: 1, RoundTrips: 1.234}, {Cause: "c", Transactions: 1}}},
		{Load: "light", Causes: []bench.Cost{{Cause: "d", Statements: 1, RoundTrips: 20}}},
	})
	const want = "\nround trips of an order, by cause\n  LOAD_1: under load\n  LOAD_2: light\n\n" +
		"CAUSE  LOAD_1  LOAD_2\na > b  1.23    0.00\nc      0.00    0.00\nd      0.00    20.00\n"
	if err != nil || text.String() != want {
		t.Errorf("err %v, printed\n%s\nwant\n%s", err, text.String(), want)
	}
}

// TestBench_network: a network that takes a while is in the way of each round trip of an append.
func TestBench_network(t *testing.T) {
	schematest.NeedSQLServer(t)
	all := benchmark(t, "--dsn", os.Getenv(schematest.Env), "--only", "network", "--network-delay", "10ms", "--orders", "20", "--light-orders", "10",
		"--rate", "10", "--warm-up", "20", "--repeat", "1", "--clients", "4")
	want(t, all, 1, "network: no delay: throughput", "network: delay 10ms: throughput", "network: delay 10ms to none: an order, p50")
	near, far := all["network: no delay: an append, p50"].Value, all["network: delay 10ms: an append, p50"].Value
	if ratio := all["network: delay 10ms to none: an append, p50"].Value; far < 10 || ratio != far/near {
		t.Errorf("an append took %v ms, and %v times as long with a delay of 10 ms: %v ms", near, ratio, far)
	}
}

func TestBench_latency(t *testing.T) {
	all := benchmark(t, "--only", "latency", "--light-orders", "10", "--rate", "100", "--warm-up", "0", "--repeat", "1")
	want(t, all, 1, "latency: placed to started, p50", "latency: placed to completed, p50")
	if started, ended := all["latency: placed to started, p50"], all["latency: placed to completed, p50"]; started.Value >= ended.Value {
		t.Errorf("orders started after %v ms and had ended after %v", started.Value, ended.Value)
	}
}

func TestBench_api(t *testing.T) {
	all := benchmark(t, "--only", "api,projection", "--orders", "60", "--repeat", "1", "--clients", "4")
	want(t, all, 1, "api: place", "api: get", "api: list, 50 orders a page", "api: get, p99",
		"projection: catch-up of the projector", "projection: rebuild", "projection: verify")
}

func TestBench_table(t *testing.T) {
	var stdout, stderr bytes.Buffer
	profile := filepath.Join(t.TempDir(), "cpu")
	code := execute([]string{
		"bench", "--dir", t.TempDir(), "--only", "throughput", "--orders", "20", "--warm-up", "0", "--repeat", "1",
		"--cpuprofile", profile, "--memprofile", profile + "2", "--blockprofile", profile + "3", "--trace", profile + "4",
	}, &stdout, &stderr)
	if code != exitDone || !strings.Contains(stdout.String(), "placed to completed") || !strings.Contains(stdout.String(), ">= 25.0%") {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	for _, suffix := range []string{"", "2", "3", "4"} {
		if info, err := os.Stat(profile + suffix); err != nil || info.Size() == 0 {
			t.Errorf("profile %s: %v, %v", suffix, info, err)
		}
	}
}

// TestE2E_Bench runs the measures that start nodes as processes.
func TestE2E_Bench(t *testing.T) {
	t.Parallel()
	store := filepath.Join(t.TempDir(), "stored.db")
	flags := []string{"bench", "--json", "--repeat", "1", "--workers", "5", "--orders", "15", "--warm-up", "0", "--window", "1s", "--quiet"}
	for _, first := range []bool{true, false} {
		all := figures(t, must(t, append(flags, "--only", "stored", "--seed-orders", "120", "--store", store)...))
		want(t, all, 1, "stored: processor time, many stored", "stored: get, p99", "stored: list by status, p99",
			"stored: memory at rest", "stored: processor time, many stored to none")
		want(t, all, 2, "stored: placed to completed, none stored")
		if _, generated := all["stored: generated"]; generated != first {
			t.Errorf("orders were generated: %v, want %v", generated, first)
		}
		must(t, "check", "--dsn", store, "--quiet")
	}
	want(t, figures(t, must(t, append(flags, "--only", "idle")...)), 1, "idle: memory")
	soaked := figures(t, must(t, append(flags, "--only", "soak", "--soak", "1s", "--soak-rate", "60")...))
	want(t, soaked, 12, "soak: processor time", "soak: a call to place, p99", "soak: memory", "soak: write-ahead log")
	want(t, soaked, 1, "soak: memory, last part to first")
	other := filepath.Join(t.TempDir(), "other.db")
	must(t, "migrate", "--dsn", other)
	must(t, "orders", "place", "--dsn", other, "--detail", "1")
	if r := orderflow(t, append(flags, "--only", "stored", "--store", other)...); r.code != exitUsage || !strings.Contains(r.stderr, "was not made by this benchmark") {
		t.Errorf("a store of others: exit code %d\n%s", r.code, r.stderr)
	}
}

func TestBenchCmd_Validate(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"--only speed", `--only has "speed": give some of throughput,latency,api`},
		{"--orders 0 --repeat 0", "--repeat is 0: give at least 1"},
		{"--warm-up=-1", "--warm-up is -1"},
		{"--rate NaN", "--rate is NaN"},
		{"--nodes 0", "--nodes is 0"},
		{"--nodes 100", "give 64 at most"},
		{"--workers 10001", "give 10000 at most"},
		{"--rounds 0", "--rounds is 0"},
		{"--window 1ms", "--window 1ms"},
		{"--soak 10ms", "--soak 10ms"},
		{"--soak-rate 0", "--soak-rate is 0"},
		{"--dir /nowhere/at/all", "give a folder that is there"},
		{"--network-delay 1ms", "--network-delay: give --dsn, since SQLite has no network"},
		{"--only network", "--only has network: give --dsn"},
		{"--dsn sqlserver://u:p@h --network-delay 2s", "--network-delay is 2s: give 1s at most"},
		{"--dsn shop.db", "--dsn is for sqlserver://"},
		{"--dsn postgres://x", "--dsn"},
		{"--dsn sqlserver://u:p@h --store x.db", "leave out --dsn"},
		{"--store sqlserver://u:p@h", "give the path of a file"},
	} {
		if _, err := parse(t, append([]string{"bench"}, strings.Fields(c.args)...)...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("bench %s: err %v, want %q", c.args, err, c.says)
		}
	}
}
