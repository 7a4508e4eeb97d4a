package node

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/schema"
)

const (
	// walEvery is the time between looks at the size of the write-ahead log.
	walEvery = time.Second
	// walTimeout bounds what is done about it, but for the copying itself.
	walTimeout = 30 * time.Second
	// walPatience is how long a reader may keep the write-ahead log from being emptied before it is
	// said.
	walPatience = 5 * time.Second
)

// walKeeper keeps the write-ahead log of SQLite short. It says once when a reader keeps the log from
// being emptied, and once when it no longer does.
type walKeeper struct {
	wal        *schema.WAL
	log        *logrus.Entry
	said, gone bool
}

func (k *walKeeper) look(ctx context.Context) {
	tending, cancel := context.WithTimeout(ctx, walTimeout)
	defer cancel()
	s, err := k.wal.Tend(tending)
	k.gone = sayReplaced(k.log, k.gone, err)
	switch held := !s.Held.IsZero(); {
	case err != nil && ctx.Err() == nil:
		k.log.WithError(err).Debug("the write-ahead log was not copied; trying again")
	case held && !k.said && time.Since(s.Held) > walPatience:
		k.said = true
		k.log.WithFields(logrus.Fields{"wal_bytes": s.Bytes, "since": s.Held.UTC()}).Warn("the write-ahead log grows and cannot be emptied: " +
			"a reader holds an old snapshot of the database (a backup, a shell, a program with an open transaction); it must end. Do not delete the -wal")
	case !held && k.said && s.Bytes <= schema.WALLimit:
		k.said = false
		k.log.WithField("wal_bytes", s.Bytes).Info("the write-ahead log could be emptied: no reader holds an old snapshot any more")
	}
}

// sayReplaced logs once when files of the database are gone, and once when they are back. The result is
// whether they are gone.
func sayReplaced(log *logrus.Entry, gone bool, err error) bool {
	replaced := errors.Is(err, schema.ErrReplaced)
	switch {
	case replaced && !gone:
		log.WithError(err).Error("no order is accepted any more. " + wayBack(err))
	case gone && err == nil:
		log.Info("the files of the database are in their place again")
	}
	return replaced || gone && err != nil
}

// wayBack tells an operator what to do about an ErrReplaced.
func wayBack(err error) string {
	if errors.Is(err, schema.ErrLogReplaced) {
		return "Let no other program open the database; stop all nodes with SIGTERM, not SIGKILL, and start them when the last has ended"
	}
	return "Put the same file back; or stop all nodes, put another file in its place and remove the -wal and -shm of the old one with it, and start them"
}
