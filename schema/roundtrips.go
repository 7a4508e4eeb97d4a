package schema

import (
	"context"
	"net"
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

// keepAlive is the driver's own, which a dialer of one's own has to bring along.
const keepAlive = 30 * time.Second

func (c tripCounter) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: conn, trips: c.trips}, nil
}

type countedConn struct {
	net.Conn
	trips  *atomic.Int64
	asking atomic.Bool // in the middle of a request
}

func (c *countedConn) Write(b []byte) (int, error) {
	if !c.asking.Swap(true) {
		c.trips.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) {
	c.asking.Store(false)
	return c.Conn.Read(b)
}
