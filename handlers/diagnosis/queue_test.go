package diagnosis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// TestQueue_place: the place of a message is found from some of the positions.
func TestQueue_place(t *testing.T) {
	line := func(topic string, partition, messages int) (l Line) {
		l.Topic, l.Partition = topic, partition
		for i := range messages {
			l.Add(int64(100 + 10*i))
		}
		return l
	}
	scheduling, processing := work.StepTopic("Scheduling"), work.StepTopic("Processing")
	for _, messages := range []int{1, 2, 49, 50, 51, 52, 101, 437} {
		own := line(scheduling, 3, messages)
		if most := messages/MarkEvery + 2; len(own.Marks) > most || own.Messages != messages {
			t.Errorf("of %d messages there are %d marks: %v", messages, len(own.Marks), own.Marks)
		}
		traffic := &Traffic{AsOf: now, Lines: []Line{own, line(processing, 5, 7), line(scheduling, 1, 20), line(work.TopicRollback, 0, 2)}}
		for i := range messages {
			s := waiting(traffic, work.Cause{Topic: scheduling, Partition: 3, Position: int64(100 + 10*i)})
			if p := s.queued(); p == nil || p.Before != i+min(i, 20)+9 || p.More || !p.AsOf.Equal(now) {
				t.Fatalf("before message %d of %d there are %+v", i, messages, p)
			}
			s.Queue.Claimed = 100 + 10*int64(i/2) // half of it has been claimed since
			if p, left := s.queued(), max(0, i-i/2-1); p.Before != left+min(left, 20)+9 {
				t.Fatalf("before message %d of %d there are %+v, and half of it was claimed", i, messages, p)
			}
		}
	}
	traffic := &Traffic{AsOf: now, Lines: []Line{{Topic: scheduling, Messages: 2, More: true, Marks: []int64{1, 2}}}}
	if p := waiting(traffic, work.Cause{Topic: scheduling, Position: 9}).queued(); p == nil || p.Before != 1 || !p.More {
		t.Errorf("behind what was looked at the place is %+v", p)
	}
	if p := waiting(traffic, work.Cause{Topic: processing, Position: 9}).queued(); p != nil {
		t.Errorf("in no line the place is %+v", p)
	}
}

// waiting is the situation of an order whose message waits.
func waiting(t *Traffic, due work.Cause) *situation {
	return &situation{Facts: Facts{Now: now, Traffic: t}, due: &due, place: queued}
}

// TestDiagnose_queued: what is said of a message that waits.
func TestDiagnose_queued(t *testing.T) {
	first := Line{Topic: work.StepTopic(domain.Scheduling), Partition: 3}
	for i := range 412 {
		first.Add(int64(i) - 311)
	}
	f := facts(t, time.Minute, place1...).queued() // at position 101, which is the last
	f.Traffic = &Traffic{AsOf: now.Add(-2 * time.Second), Lines: []Line{first}, Starts: 10.7, Steps: map[domain.Step]Pace{domain.Scheduling: {Wait: Usual{500, 2, 50}}}}
	f.Queue.Claimed = -400
	f.Events[0].Position = 100
	says := func(what string) Answer {
		t.Helper()
		a := Diagnose(*f)
		if a.Reason != WaitingForSlot || !strings.HasPrefix(a.Next.What, what+"; ") || a.Evidence.Place == nil {
			t.Errorf("it is said: %s, next: %s; want %s", a.Reason, a.Next.What, what)
		}
		return a
	}
	a := says("starts in about 39s: 411 before it, 10.7 starts a second")
	if a.Unusual == nil || !*a.Unusual || a.Evidence.Usual == nil || a.Evidence.Usual.P50 != 2 {
		t.Errorf("it has waited a minute, and it is said: %v, %+v", a.Unusual, a.Evidence.Usual)
	}
	f.Traffic.Starts = 0
	says("about 411 wait before it")
	f.Traffic.Lines = append(f.Traffic.Lines, Line{Topic: work.StepTopic(domain.Processing), Messages: 5, Marks: []int64{1, 5}})
	says("about 416 wait before it")
	f.Paused = work.Controls{{Kind: work.ControlStep, Name: string(domain.Processing), Value: work.ControlPaused}}
	says("about 411 wait before it")
	f.Events[0].RecordedAt = f.Traffic.AsOf.Add(time.Second)
	if a := Diagnose(*f); a.Evidence.Place != nil || strings.Contains(a.Next.What, "before it") {
		t.Errorf("of a message that is younger than what was seen it is said: %+v, next: %s", a.Evidence.Place, a.Next.What)
	}
	f.Traffic.AsOf = now.Add(-time.Hour)
	if a := Diagnose(*f); a.Evidence.Place != nil || a.Unusual != nil {
		t.Errorf("of what was an hour ago it is said: %+v", a)
	}
}

// TestDiagnose_endedQueued: of an order that ended before its message was claimed nobody says when it is its turn.
func TestDiagnose_endedQueued(t *testing.T) {
	f := facts(t, time.Minute, append(slices.Clone(place1), domain.Cancel{Reason: "r"})...).queued()
	due := f.due()
	f.Traffic = &Traffic{AsOf: now, Lines: []Line{{Topic: due.Topic, Partition: due.Partition, Messages: 1, Marks: []int64{due.Position}}},
		Steps: map[domain.Step]Pace{domain.Scheduling: {Wait: Usual{500, 2, 50}}}}
	if a := Diagnose(*f); a.Verdict != Ended || a.Evidence.Place != nil || a.Evidence.Usual != nil {
		t.Errorf("it is %s, and it is said: %+v, %+v", a.Verdict, a.Evidence.Place, a.Evidence.Usual)
	}
}

// TestDiagnose_slow: a step that has run longer than 99 of 100 is said to be slow, where it is known how long they run.
func TestDiagnose_slow(t *testing.T) {
	pace := func(count int64, p99 float64) *Traffic {
		return &Traffic{AsOf: now, Steps: map[domain.Step]Pace{domain.Scheduling: {Run: Usual{count, 5, p99}}}}
	}
	yes, no := true, false
	for name, c := range map[string]struct {
		traffic *Traffic
		reason  Reason
		unusual *bool
	}{
		"nothing is known":     {nil, Running, nil},
		"few are known":        {pace(fewest-1, 7), Running, nil},
		"others take longer":   {pace(fewest, 60), Running, &no},
		"others take less":     {pace(fewest, 7), RunningSlow, &yes},
		"by less than a clock": {pace(fewest, 58), Running, &no},
	} {
		f := facts(t, time.Minute, started()...).heldBy("w1", 1)
		f.Traffic = c.traffic
		a := Diagnose(*f)
		if a.Reason != c.reason || a.Verdict != Progressing || len(a.Others) > 0 || (a.Unusual == nil) != (c.unusual == nil) || c.unusual != nil && *a.Unusual != *c.unusual {
			t.Errorf("%s: %s (%s), others %v, unusual %v", name, a.Reason, a.Summary, a.Others, a.Unusual)
		}
		f.Events, f.Later = f.Events[:1], 1 // it has the message, and has not begun
		if a := Diagnose(*f); a.Reason != Running {
			t.Errorf("%s: of a step that has not begun it is said: %s", name, a.Reason)
		}
	}
}
