package main

import (
	"bytes"
	"testing"
	"time"
)

func TestOutput_table(t *testing.T) {
	var text bytes.Buffer
	out := &output{w: &text}
	reason := "several\nlines\tof text"
	err := out.table("NAME AT REASON", [][]any{
		{"a", time.Date(2026, 11, 22, 16, 4, 5, 6_000_000, time.FixedZone("", 3600)), &reason},
		{"", time.Time{}, (*string)(nil)},
	})
	want := "NAME  AT                       REASON\n" +
		"a     2026-11-22 15:04:05.006  several lines of text\n" +
		"-     -                        -\n"
	if err != nil || text.String() != want {
		t.Errorf("err %v, printed\n%swant\n%s", err, text.String(), want)
	}
}

func TestOutput_json(t *testing.T) {
	var text bytes.Buffer
	out := &output{w: &text}
	if err := out.json(orEmpty([]string(nil))); err != nil || text.String() != "[]\n" {
		t.Errorf("err %v, printed %q, want []", err, text.String())
	}
}
