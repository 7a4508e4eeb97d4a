package diagnosis

import (
	"testing"
	"time"

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
		lines := &Lines{AsOf: now, All: []Line{own, line(processing, 5, 7), line(scheduling, 1, 20), line(work.TopicRollback, 0, 2)}}
		for i := range messages {
			q := Queue{Waits: true, Lines: lines}
			due := work.Cause{Topic: scheduling, Partition: 3, Position: int64(100 + 10*i)}
			if p := q.place(due); p == nil || p.Before != i+min(i, 20)+9 || p.More || !p.AsOf.Equal(now) {
				t.Fatalf("before message %d of %d there are %+v", i, messages, p)
			}
			q.Claimed = 100 + 10*int64(i/2) // half of it has been claimed since
			if p, left := q.place(due), max(0, i-i/2-1); p.Before != left+min(left, 20)+9 {
				t.Fatalf("before message %d of %d there are %+v, and half of it was claimed", i, messages, p)
			}
		}
	}
	behind := Queue{Waits: true, Lines: &Lines{All: []Line{{Topic: scheduling, Messages: 2, More: true, Marks: []int64{1, 2}}}}}
	if p := behind.place(work.Cause{Topic: scheduling, Position: 9}); p == nil || p.Before != 1 || !p.More {
		t.Errorf("behind what was looked at the place is %+v", p)
	}
	if p := behind.place(work.Cause{Topic: processing, Position: 9}); p != nil {
		t.Errorf("in no line the place is %+v", p)
	}
	f := facts(t, time.Minute, place1...).queued()
	f.Queue.Lines = &Lines{AsOf: now.Add(-2 * time.Second), All: []Line{line(scheduling, 3, 1)}}
	if a := Diagnose(*f); a.Evidence.Place == nil || a.Evidence.Place.Before != 0 {
		t.Errorf("it is said: %+v", a)
	}
}
