package bench

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"
)

// link is a way to a server that takes a while: what arrives at either end comes out at the other so much
// later, in order, however much is under way.
type link struct {
	listener net.Listener
	server   string // its address
	oneWay   time.Duration

	passing sync.WaitGroup
	mu      sync.Mutex
	closed  bool
	ends    []net.Conn
}

// newLink makes a link to the server of a DSN that adds so much to a round trip.
func newLink(ctx context.Context, server *url.URL, roundTrip time.Duration) (*link, error) {
	if server.Path != "" {
		return nil, errors.New("a delayed network needs a DSN with a port, not with the name of an instance")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	const usual = "1433"
	l := &link{listener: listener, server: net.JoinHostPort(server.Hostname(), cmp.Or(server.Port(), usual)), oneWay: roundTrip / 2}
	l.passing.Go(func() { l.accept(ctx) })
	return l, nil
}

// through is a DSN of the server that goes over the link.
func (l *link) through(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errors.New("the DSN is not a URL") // its text would have the password
	}
	q := u.Query()
	q.Set("hostNameInCertificate", cmp.Or(q.Get("hostNameInCertificate"), u.Hostname()))
	u.Host, u.RawQuery = l.listener.Addr().String(), q.Encode()
	return u.String(), nil
}

// close cuts all connections, and returns when nothing is under way any more.
func (l *link) close() error {
	l.mu.Lock()
	l.closed = true
	err := l.listener.Close()
	for _, c := range l.ends {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.passing.Wait()
	return err
}

func (l *link) accept(ctx context.Context) {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(ctx, "tcp", l.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		l.join(client, server)
	}
}

// join has two ends pass on to each other.
func (l *link) join(client, server net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_, _ = client.Close(), server.Close()
		return
	}
	l.ends = append(l.ends, client, server)
	l.passing.Go(func() { l.pass(client, server) })
	l.passing.Go(func() { l.pass(server, client) })
}

// pass passes on what comes from one end, until either is closed. Then it closes both.
func (l *link) pass(from, to net.Conn) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	const underWay = 1000
	pieces := make(chan piece, underWay)
	l.passing.Go(func() {
		defer close(pieces)
		for {
			const most = 64 << 10
			bytes := make([]byte, most)
			n, err := from.Read(bytes)
			if n > 0 {
				pieces <- piece{bytes[:n], time.Now().Add(l.oneWay)}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.bytes); err != nil {
			break
		}
	}
	_, _ = from.Close(), to.Close()
	for range pieces { // what is still read finds nobody
		continue
	}
}
