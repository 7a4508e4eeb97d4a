package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/schema"
)

// sayAgain is how long the same trouble is not said again.
const sayAgain = 10 * time.Second

// sparing is a format that leaves out warnings and errors that were written within sayAgain
// already, and then says how many they were. The first is written at once, and as long as the
// trouble lasts it is written again and again.
type sparing struct {
	logrus.Formatter

	mu   sync.Mutex
	said map[string]*repeats
}

// repeats counts what was left out since a line was written.
type repeats struct {
	level   logrus.Level
	about   logrus.Fields // of the line that tells of them
	leftOut int
}

// Format is logrus.Formatter; what is left out has no text.
func (s *sparing) Format(e *logrus.Entry) ([]byte, error) {
	if key, repeatable := sameness(e); repeatable && s.repeated(key, e) {
		return nil, nil
	}
	return s.Formatter.Format(e)
}

func (s *sparing) repeated(key string, e *logrus.Entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.said[key]; r != nil {
		r.leftOut++
		return true
	}
	about := logrus.Fields{"line": e.Message, "within": sayAgain.String()}
	for _, name := range []string{"node", "part"} {
		if value, named := e.Data[name]; named {
			about[name] = value
		}
	}
	s.said[key] = &repeats{level: e.Level, about: about}
	log := e.Logger
	time.AfterFunc(sayAgain, func() { s.tell(log, key) })
	return false
}

// tell says how many lines were left out, if any were. The next one is written again.
func (s *sparing) tell(log *logrus.Logger, key string) {
	s.mu.Lock()
	r := s.said[key]
	delete(s.said, key)
	s.mu.Unlock()
	if r != nil && r.leftOut > 0 {
		log.WithFields(r.about).WithField("left_out", r.leftOut).Log(r.level, "a line came again and was left out")
	}
}

// tellAll tells of all that was left out until now, at the end of the process.
func (s *sparing) tellAll(log *logrus.Logger) {
	s.mu.Lock()
	keys := slices.Collect(maps.Keys(s.said))
	s.mu.Unlock()
	for _, key := range keys {
		s.tell(log, key)
	}
}

// sameness is what two lines have in common of which one is enough; false for a line that is always
// written. Information is; and so is the answer to a request, which has a status: each
// caller's is looked for by its correlation id. So is what counts what was left out. Of the database's trouble one line of a kind is
// enough, whatever orders it concerns; others are the same if all that they say is.
func sameness(e *logrus.Entry) (key string, repeatable bool) {
	_, answers := e.Data["status"]
	_, counts := e.Data["left_out"]
	if answers || counts || e.Level > logrus.WarnLevel || e.Level < logrus.ErrorLevel {
		return "", false
	}
	key = fmt.Sprintf("%s|%v|%s", e.Level, e.Data["part"], e.Message)
	if err, ok := e.Data[logrus.ErrorKey].(error); ok && ofDatabase(err) {
		return key, true
	}
	fields := make([]string, 0, len(e.Data))
	for name, value := range e.Data {
		fields = append(fields, fmt.Sprintf("%s=%v", name, value))
	}
	slices.Sort(fields)
	return key + "|" + strings.Join(fields, "|"), true
}

// ofDatabase says whether an error is the database's, which did not answer or could not do its work.
func ofDatabase(err error) bool {
	for _, kind := range []error{schema.ErrUnavailable, schema.ErrTransient, domain.ErrUnavailable, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
