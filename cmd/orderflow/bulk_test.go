package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
)

// bulkSeed is that of ORDERFLOW_TEST_SEED, or drawn. The test says it.
func bulkSeed(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("ORDERFLOW_TEST_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (ORDERFLOW_TEST_SEED)", seed)
	return rand.New(rand.NewPCG(seed, 1)), seed
}

// said is what a command prints, in this process, that has to succeed.
func said(t *testing.T, args ...string) string {
	t.Helper()
	r := call(args...)
	if r.code != exitDone {
		t.Fatalf("%v exited %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// serviceOf opens a database that a command has migrated.
func serviceOf(t *testing.T, dsn string, do func(service)) {
	t.Helper()
	said(t, "migrate", "--dsn", dsn)
	if err := (databaseFlag{DSN: dsn}).service(t.Context(), func(s service) error { do(s); return nil }); err != nil {
		t.Fatal(err)
	}
}

// ordered has the letters requeued by commands, and gives the job.
func ordered(t *testing.T, dsn string, letters int) (j work.Job) {
	t.Helper()
	command := []string{"deadletters", "requeue", "--dsn", dsn, "--json", "--topic", "scheduling", "--reason-contains", "timed out", "--reason", "the press is mended", "--actor", "ann", "--rate", "1000"}
	var plan operate.JobPlan
	if err := json.Unmarshal([]byte(said(t, command...)), &plan); err != nil || plan.Count != letters || len(plan.Sample) != operate.JobSample {
		t.Fatalf("the dry run says %d, and shows %d (err %v); want %d and %d", plan.Count, len(plan.Sample), err, letters, operate.JobSample)
	}
	if r := call(append(command, "--confirm", strconv.Itoa(letters-1))...); r.code != exitFailed || !strings.Contains(r.stderr, "confirm "+strconv.Itoa(letters)) {
		t.Fatalf("another number was confirmed: %d %s", r.code, r.stderr)
	}
	if err := json.Unmarshal([]byte(said(t, append(command, "--confirm", strconv.Itoa(letters))...)), &j); err != nil || j.Total != letters {
		t.Fatalf("ordered %+v, err %v", j, err)
	}
	return j
}

// TestBulk has two workers requeue letters at once, whose turns end at any time, while others decide on some of the
// letters.
func TestBulk(t *testing.T) { onEachDatabase(t, testBulk) }

func testBulk(t *testing.T, dsn string) {
	random, _ := bulkSeed(t)
	letters := 120
	if strings.Contains(t.Name(), "/sqlserver") { // each costs round trips
		letters = 40
	}
	serviceOf(t, dsn, func(s service) {
		b := newBulk(t, s, letters)
		j, jobs := ordered(t, dsn, letters), node.JobsOf(s.db, s.store, s.views)
		var all sync.WaitGroup
		theirs := rand.New(rand.NewPCG(random.Uint64(), 2))
		all.Go(func() { b.interfere(t.Context(), theirs, letters/10) })
		for range 2 {
			patience, worker := 5+random.IntN(50), jobs.Worker()
			all.Go(func() {
				for {
					turn, end := context.WithTimeout(t.Context(), time.Duration(patience)*time.Millisecond)
					err := worker.Turn(turn)
					end()
					patience += 5 // so that it comes to an end on a slow machine too
					running, again := jobs.Kept.Running(t.Context())
					if err != nil || again != nil || len(running) == 0 {
						if err != nil || again != nil {
							t.Error(err, again)
						}
						return
					}
				}
			})
		}
		all.Wait()
		p := b.judge(jobs, j)
		t.Logf("%d frozen, %d changed by others, %d done, %d skipped", p.Total, len(b.others), p.Done, p.Skipped)
		said(t, "check", "--dsn", dsn)
		if text := said(t, "jobs", "show", "--dsn", dsn, j.ID.String()); !strings.Contains(text, fmt.Sprintf("ended: %d of %d items ended, 0 left", letters, letters)) {
			t.Errorf("the job is shown as\n%s", text)
		}
		if err := b.park(len(b.keys)); err != nil { // so that there is one letter at least
			t.Fatal(err)
		}
		stopsJob(t, dsn, jobs)
	})
}

// stopsJob orders a job that nobody works off, and stops it. A worker that has an item of it in hand does nothing then.
func stopsJob(t *testing.T, dsn string, jobs operate.Jobs) {
	t.Helper()
	doubled := []string{"deadletters", "discard", "--dsn", dsn, "--json", "--all", "--reason", "r"}
	var plan operate.JobPlan
	if err := json.Unmarshal([]byte(said(t, doubled...)), &plan); err != nil || plan.Count == 0 {
		t.Fatalf("the dry run says %+v, err %v", plan, err)
	}
	var j work.Job
	if err := json.Unmarshal([]byte(said(t, append(doubled, "--confirm", strconv.Itoa(plan.Count))...)), &j); err != nil {
		t.Fatal(err)
	}
	var stopped operate.JobStopped
	if err := json.Unmarshal([]byte(said(t, "jobs", "stop", "--dsn", dsn, "--json", j.ID.String(), "--reason", "a mistake")), &stopped); err != nil || !stopped.Changed || stopped.Job.Left != plan.Count {
		t.Errorf("stopped %+v, err %v", stopped, err)
	}
	left, err := jobs.Items(t.Context(), j.ID, work.ItemWaiting, "", 1)
	if err != nil || len(left.Items) != 1 {
		t.Fatalf("%d items are left, err %v", len(left.Items), err)
	}
	if err := jobs.Kinds[operate.JobRequeueLetters].Do(t.Context(), j, left.Items[0]); !errors.Is(err, work.ErrJobNotRunning) {
		t.Errorf("an item of a stopped job was requeued: err %v", err)
	}
	var again operate.JobPlan
	if err := json.Unmarshal([]byte(said(t, doubled...)), &again); err != nil || again.Count != plan.Count {
		t.Errorf("there are %d letters after the stop, err %v; want %d", again.Count, err, plan.Count)
	}
	if text := said(t, "jobs", "list", "--dsn", dsn); !strings.Contains(text, "stopped") || !strings.Contains(text, "ended") {
		t.Errorf("the jobs are\n%s", text)
	}
}

// TestBulk_killed is the same with 20,000 letters, and a node that is killed twice.
func TestBulk_killed(t *testing.T) {
	if os.Getenv("ORDERFLOW_TEST_LONG") == "" {
		t.Skip("SKIPPED: it takes long. Set ORDERFLOW_TEST_LONG=1")
	}
	onEachDatabase(t, testBulkKilled)
}

func testBulkKilled(t *testing.T, dsn string) {
	const letters, changed = 20_000, 1_000
	random, seed := bulkSeed(t)
	binary := filepath.Join(t.TempDir(), "orderflow") // as operators have it: the race detector makes it ten times slower
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	serviceOf(t, dsn, func(s service) {
		b := newBulk(t, s, letters)
		j, jobs, begun := ordered(t, dsn, letters), node.JobsOf(s.db, s.store, s.views), time.Now()
		ended := func() int {
			got, err := jobs.Kept.Get(t.Context(), j.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got.Total - got.Left()
		}
		var others sync.WaitGroup
		theirs := rand.New(rand.NewPCG(seed, 2))
		others.Go(func() { b.interfere(t.Context(), theirs, changed) })
		var kills []string
		for _, until := range []int{letters/5 + random.IntN(letters/5), letters/2 + random.IntN(letters/5), letters} {
			n := startBinary(t, binary, dsn, "--roles", "projector")
			eventuallyWithin(t, 10*time.Minute, func() (bool, string) {
				now := ended()
				return now >= until, fmt.Sprintf("%d of %d items have ended\n%s", now, until, n.Tail())
			})
			if until < letters {
				n.Kill()
				kills = append(kills, strconv.Itoa(ended()))
			}
		}
		others.Wait()
		eventually(t, func() (bool, string) {
			got, err := jobs.Kept.Get(t.Context(), j.ID)
			return err == nil && got.State == work.JobEnded, "the job does not end"
		})
		p := b.judge(jobs, j)
		t.Logf("seed %d: %d frozen, %d changed by others meanwhile, node killed after %s; %d done and %d skipped, each once, in %s",
			seed, p.Total, len(b.others), strings.Join(kills, " and "), p.Done, p.Skipped, time.Since(begun).Round(time.Second))
		said(t, "check", "--dsn", dsn)
	})
}
