package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/transport/httpapi"
)

// pipes is a listener whose connections are pipes in memory, for time that is not real.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// serve runs a server on pipes for the test, and gives what connects to it.
func serve(t *testing.T, h http.Handler) func() net.Conn {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := httpapi.NewServer("", h)
	served := make(chan error, 1)
	go func() { served <- server.Serve(p) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return func() net.Conn {
		client, remote := net.Pipe()
		p.conns <- remote
		return client
	}
}

// closesAfter says how long the server keeps a connection on which it got text, and
// what it answered.
func closesAfter(t *testing.T, c net.Conn, text string) (time.Duration, string) {
	t.Helper()
	began := time.Now()
	go func() { _, _ = io.WriteString(c, text) }()
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(began), string(answer)
}

func TestServer_timeouts(t *testing.T) {
	const head = "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
	for name, c := range map[string]struct {
		text   string
		after  time.Duration
		answer string
	}{
		"silence":                 {"", 5 * time.Second, ""},
		"header without an end":   {head, 5 * time.Second, ""},
		"body without an end":     {head + "\r\n{", 30 * time.Second, "HTTP/1.1 408 Request Timeout"},
		"nothing after an answer": {"GET /v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * time.Minute, "HTTP/1.1 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				connect := serve(t, newRig())
				took, answer := closesAfter(t, connect(), c.text)
				// A connection with a request half read stays half a second longer (net/http lingers).
				if took < c.after || took > c.after+time.Second {
					t.Errorf("closed after %v, want %v", took, c.after)
				}
				if first, _, _ := strings.Cut(answer, "\r\n"); first != c.answer {
					t.Errorf("answered %q, want %q", first, c.answer)
				}
			})
		})
	}
}

func TestServer_writeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := make(chan error, 1)
		connect := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 1<<20)) // nobody reads it
			cut <- err
		}))
		c := connect()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := <-cut; err == nil || time.Since(began) != time.Minute {
			t.Errorf("the write ended after %v with %v, want 1m and an error", time.Since(began), err)
		}
		_ = c.Close()
	})
}

func TestServer_header(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connect := serve(t, newRig())
		answer := func(fill int) string {
			c := connect()
			go func() {
				_, _ = io.WriteString(c, "GET /v1/orders HTTP/1.1\r\nHost: localhost\r\nX-Filler: "+strings.Repeat("x", fill)+"\r\n\r\n")
			}()
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close(); _ = res.Body.Close() }()
			return res.Status + " " + res.Header.Get("Content-Type")
		}
		frame := len("GET /v1/orders HTTP/1.1\r\nHost: localhost\r\nX-Filler: \r\n")
		for fill, want := range map[int]string{
			httpapi.MaxHeader - frame:     "200 OK application/json",
			httpapi.MaxHeader - frame + 1: "431 Request Header Fields Too Large application/problem+json",
			2 * httpapi.MaxHeader:         "431 Request Header Fields Too Large application/problem+json",
			3 * httpapi.MaxHeader:         "431 Request Header Fields Too Large text/plain; charset=utf-8", // net/http itself
		} {
			if got := answer(fill); got != want {
				t.Errorf("with %d bytes: %s, want %s", fill+frame, got, want)
			}
		}
	})
}

// Half an answer must not look like a whole one.
func TestServer_panicInAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connect := serve(t, httpapi.NewEdge(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic("now")
		}))
		_, answer := closesAfter(t, connect(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		// The last chunk, of length 0, would say that this is all.
		if !strings.HasSuffix(answer, "\r\n\r\n4\r\nhalf\r\n") {
			t.Errorf("answered %q", answer)
		}
	})
}
