package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers"
	"orderflow/projections"
	"orderflow/transport/httpapi"
)

// noticed serves a request only once net/http has seen that the client sends no more: gone ends
// then, as the context that net/http gives the request does.
type noticed struct {
	next http.Handler
	gone context.Context
}

func (n *noticed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.gone = r.Context()
	n.next.ServeHTTP(w, r)
}

// settled waits until the client's going has been seen, and gives what ctx says of it.
func (n *noticed) settled(ctx context.Context) error {
	<-n.gone.Done()
	return ctx.Err()
}

func (n *noticed) Append(ctx context.Context, _ work.Unit) (work.Outcome, error) {
	return work.Outcome{}, n.settled(ctx)
}

func (n *noticed) Counts(ctx context.Context) (map[domain.Status]int64, error) {
	return nil, n.settled(ctx)
}

func (n *noticed) Get(ctx context.Context, _ domain.OrderID) (projections.OrderView, error) {
	return projections.OrderView{}, n.settled(ctx)
}

func (n *noticed) GetAt(context.Context, domain.OrderID, domain.Moment) (projections.OrderView, error) {
	return projections.OrderView{}, domain.ErrNotFound
}

func (n *noticed) List(ctx context.Context, _ projections.Filter) (projections.Page, error) {
	return projections.Page{}, n.settled(ctx)
}

// TestServer_halfClose: a client that has sent its request and closes its side of the connection, as
// nc does, is answered like any other. net/http ends the context of its request.
func TestServer_halfClose(t *testing.T) {
	for request, want := range map[string]string{
		"POST /v1/orders":                      "HTTP/1.1 202 Accepted",
		"GET /v1/orders/" + theID:              "HTTP/1.1 200 OK",
		"GET /v1/orders":                       "HTTP/1.1 200 OK",
		"GET /command/stat":                    "HTTP/1.1 200 OK",
		"GET /debug/pprof/goroutine?seconds=1": "HTTP/1.1 200 OK",
	} {
		t.Run(request, func(t *testing.T) {
			n := &noticed{}
			logger, hook := logtest.NewNullLogger()
			log := logrus.NewEntry(logger)
			n.next = httpapi.NewAPI(httpapi.APIConfig{Placer: placing(handlers.PlacingConfig{Store: n}), Views: n, Logger: log})
			if !strings.Contains(request, "/v1/") {
				n.next = httpapi.NewAdmin(httpapi.AdminConfig{Node: aNode(), Orders: n, Logger: log})
			}
			answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(halfClosed(t, n, request))), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			if got := fmt.Sprintf("%s %s", answer.Proto, answer.Status); got != want {
				t.Errorf("answered %s, want %s", got, want)
			}
			for _, e := range hook.AllEntries() {
				if e.Level < logrus.InfoLevel {
					t.Errorf("logged at %s: %s %v", e.Level, e.Message, e.Data)
				}
			}
		})
	}
}

// halfClosed sends a request over TCP, closes that direction and gives the answer.
func halfClosed(t *testing.T, h http.Handler, request string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpapi.NewServer("", h)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	body := ""
	if strings.HasPrefix(request, http.MethodPost) {
		body = "{}"
	}
	_, err = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", request, len(body), body)
	if err == nil {
		err = c.(*net.TCPConn).CloseWrite()
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
