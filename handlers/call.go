package handlers

import (
	"fmt"
	"runtime/debug"
	"strings"
	"unicode/utf8"
)

// panicError is the panic of an executor.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// call runs f, unless the node will not wait for it any more, and turns its panic into an error.
func (j *job) call(f func() error) (err error) {
	if j.stopped.Err() != nil {
		return errStopped
	}
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return f()
}

// maxReason bounds the texts of executors that are stored, in bytes.
const maxReason = 1000

// cut makes a text fit to be stored: valid UTF-8 of maxReason bytes at most.
func cut(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxReason {
		return text
	}
	end := maxReason
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
