package bench

import (
	"io"
	"net"
	"net/url"
	"testing"
	"time"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) *url.URL {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return &url.URL{Scheme: "sqlserver", Host: listener.Addr().String()}
}

func TestLink(t *testing.T) {
	const roundTrip = 100 * time.Millisecond
	server := echo(t)
	l, err := newLink(t.Context(), server, roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := l.through(server.String() + "?database=x")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Host == server.Host || u.Query().Get("database") != "x" || u.Query().Get("hostNameInCertificate") != server.Hostname() {
		t.Fatalf("%v, %q", err, dsn)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	const pieces = 10 // on their way together
	for i := range pieces {
		if _, err := c.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	all := make([]byte, pieces)
	if _, err := io.ReadFull(c, all); err != nil || all[0] != 0 || all[pieces-1] != pieces-1 {
		t.Fatalf("%v, %v came back", err, all)
	}
	if took := time.Since(begun); took < roundTrip || took > pieces/2*roundTrip {
		t.Errorf("all came back after %v, want %v and a little more", took, roundTrip)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(all); err == nil {
		t.Error("the connection lives on")
	}
}

func TestLink_instance(t *testing.T) {
	if _, err := newLink(t.Context(), &url.URL{Host: "h", Path: "/SQLEXPRESS"}, time.Millisecond); err == nil {
		t.Error("a named instance has no known port")
	}
}
