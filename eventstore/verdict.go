package eventstore

import "errors"

var (
	// errAgain asks for the group to be done again without the appends that are to be done apart.
	errAgain = errors.New("do the group again")
	// errRemembered asks for the ends of streams to be read: an append would conflict with one
	// that is only remembered.
	errRemembered = errors.New("the end of a stream has to be read")
)

// refuse gives an append its verdict in this try of the group. begun says that something of the
// append was done, such as the settlement of its lease, which must not be committed.
//
// A verdict may rest on the rest of the group, and is true only if that is committed with it. So an
// append of which something was done has the group rolled back and done again without it, and is done
// in a transaction of its own afterwards. There its verdict rests on nothing that is rolled back with
// it, and is the error of that transaction.
func (c *commit) refuse(p *pending, verdict error, begun bool) error {
	p.err = verdict
	switch {
	case !begun:
		return nil
	case len(c.group) == 1:
		return verdict
	}
	p.apart = true
	return errAgain
}
