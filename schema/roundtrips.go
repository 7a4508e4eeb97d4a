package schema

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// tripCounter dials connections that count round trips. It counts where a connection that
// was read from is written to again, so that it need not understand what is sent, nor be
// in the way of encryption.
type tripCounter struct {
	dialer net.Dialer
	trips  *atomic.Int64
}

// traffic counts round trips and connections.
type traffic struct{ trips, opened atomic.Int64 }

// login is what a connection is doing until it is done. It reaches the dialer as a context's value of loginKey.
type login struct {
	done  atomic.Bool
	until time.Time // when it is given up

	mu    sync.Mutex
	conns []net.Conn // the driver may dial several, and keep one
}

// begin bounds the time of a connection.
func (l *login) begin(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	_ = conn.SetDeadline(l.until) // fails where the next use of it does
}

// end takes the bound away.
func (l *login) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.SetDeadline(time.Time{})
	}
	l.conns = nil
	l.done.Store(true)
}

type loginKey struct{}

// keepAlive is the driver's own, which a dialer of one's own has to bring along.
const keepAlive = 30 * time.Second

func (c tripCounter) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l, _ := ctx.Value(loginKey{}).(*login)
	l.begin(conn)
	return &countedConn{Conn: conn, trips: c.trips, login: l}, nil
}

type countedConn struct {
	net.Conn
	trips  *atomic.Int64
	login  *login      // whose round trips are not counted
	asking atomic.Bool // in the middle of a request
}

func (c *countedConn) Write(b []byte) (int, error) {
	if !c.asking.Swap(true) && c.login.done.Load() {
		c.trips.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) {
	c.asking.Store(false)
	return c.Conn.Read(b)
}
