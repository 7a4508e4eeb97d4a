package schematest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands between a program and its SQL Server, and breaks connections as networks
// do. The connection must not be encrypted (encrypt=disable), since it reads TDS.
type Proxy struct {
	listener net.Listener
	target   string

	requests, attentions atomic.Int64

	mu         sync.Mutex
	statements map[Statement]int
	conns      map[net.Conn]struct{}
	delay      time.Duration
	silent     bool          // nothing is passed on, and nothing is closed
	lose       bool          // cut at the next COMMIT
	seen       bool          // but pass it on first, and cut when it is answered
	answer     net.Conn      // whose next packet is the answer to that COMMIT
	late       chan struct{} // the next COMMIT arrives when it is closed, and its connection is cut at once
	giveUp     int           // how many statements are yet to be given up
	victim     net.Conn      // whose next answer is replaced
	last       string        // the text of the last statement that is passed on
	lastPassed chan struct{}
}

// NewProxy gives a proxy to the server of a DSN, and the DSN that goes through it.
func NewProxy(t testing.TB, dsn string) (*Proxy, string) {
	t.Helper()
	p, through, err := ListenProxy(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, through
}

// ListenProxy is NewProxy for programs that are no test; they close it.
func ListenProxy(dsn string) (*Proxy, string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, "", errors.New("the DSN is not a URL") // its text would have the password
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	p := &Proxy{listener: listener, target: u.Host, conns: map[net.Conn]struct{}{}, statements: map[Statement]int{}}
	go p.accept()
	u.Host = listener.Addr().String()
	return p, u.String(), nil
}

// Close closes all connections and takes no more.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.Cut()
}

// Requests is how many round trips there were: requests of any kind, transactions begun
// and ended among them.
func (p *Proxy) Requests() int64 { return p.requests.Load() }

// Cut closes all connections. New ones are let through.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
	p.answer = nil
}

// Delay has every packet wait.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Silence leaves connections open and passes nothing on, in either direction.
func (p *Proxy) Silence(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = on
}

// SilenceAfter passes on the next statement that has a text in it, closes passed, and falls silent: the server is
// left as by a client that stands still from then on.
func (p *Proxy) SilenceAfter(text string) (passed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.lastPassed = text, make(chan struct{})
	return p.lastPassed
}

// LoseCommit cuts all connections at the next COMMIT: before the server has seen it,
// or after it and before its answer.
func (p *Proxy) LoseCommit(seen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.seen = true, seen
}

// GiveUp has the next n statements answered by an error that says that their transaction was the victim of a
// deadlock. The server has run them, so they are to be questions.
func (p *Proxy) GiveUp(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveUp = n
}

// HoldCommit has the next COMMIT arrive late: its client's connection is cut at once, and the server gets it when
// release is called. Until then the server has the transaction open, with all that it has locked; of a transaction
// that is sent whole (DB.InBatch) it has nothing.
func (p *Proxy) HoldCommit() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := make(chan struct{})
	p.late = late
	return sync.OnceFunc(func() { close(late) })
}

// holds cuts the client of a COMMIT that is to arrive late, and waits until it may. It gives what is then to be
// sent: the packet with the rest of its message.
func (p *Proxy) holds(client net.Conn, packet []byte, request bool) (whole []byte) {
	p.mu.Lock()
	late := p.late
	if late == nil || !request || !isCommit(packet) {
		p.mu.Unlock()
		return nil
	}
	p.late = nil
	delete(p.conns, client)
	p.mu.Unlock()
	for last := packet; last[1]&endOfMessage == 0; whole = append(whole, last...) {
		more, err := readPacket(client)
		if err != nil {
			break
		}
		last = more
	}
	_ = client.Close()
	<-late
	return append(packet, whole...)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		go p.pass(client, server, true)
		go p.pass(server, client, false)
	}
}

// pass copies TDS packets from one side to the other until either closes.
func (p *Proxy) pass(from, to net.Conn, request bool) {
	closing := []net.Conn{from, to}
	defer func() {
		for _, c := range closing {
			_ = c.Close()
		}
	}()
	var m message
	for {
		packet, err := readPacket(from)
		if err != nil {
			return
		}
		last := false
		if request && m.add(packet) {
			p.requests.Add(1)
			last = p.note(&m)
		}
		if p.cuts(from, to, packet, request) {
			p.Cut()
			return
		}
		if whole := p.holds(from, packet, request); whole != nil {
			_, _ = to.Write(whole)
			closing = nil // the answer finds the client gone, and closes the other one
			return
		}
		if packet = p.given(from, to, packet, request); packet == nil {
			continue
		}
		p.mu.Lock()
		delay, silent := p.delay, p.silent
		p.silent = silent || last
		p.mu.Unlock()
		time.Sleep(delay)
		if silent {
			continue
		}
		if _, err := to.Write(packet); err != nil {
			return
		}
		if last {
			close(p.lastPassed)
		}
	}
}

// cuts says whether this packet is to be lost together with all connections.
func (p *Proxy) cuts(from, to net.Conn, packet []byte, request bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !request {
		return p.answer == from
	}
	if !p.lose || !isCommit(packet) {
		return false
	}
	p.lose = false
	if p.seen {
		p.answer = to
	}
	return !p.seen
}

// readPacket reads one TDS packet: type, status, length (2 bytes, big-endian), four
// more bytes of header, and data ([MS-TDS] 2.2.3).
func readPacket(r io.Reader) ([]byte, error) {
	header := make([]byte, 8)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	packet := make([]byte, max(int(binary.BigEndian.Uint16(header[2:])), 8))
	copy(packet, header)
	_, err := io.ReadFull(r, packet[8:])
	return packet, err
}

// endOfMessage is the status bit of a message's last packet ([MS-TDS] 2.2.3.1.2).
const endOfMessage = 1

// isCommit: a transaction manager request (type 14) of kind TM_COMMIT_XACT (7), which
// follows the headers ([MS-TDS] 2.2.6.9), or a statement that commits.
func isCommit(packet []byte) bool {
	if isStatement(packet) {
		return bytes.Contains(packet, commits)
	}
	if packet[0] != packetManager || len(packet) < 14 {
		return false
	}
	headers := int(binary.LittleEndian.Uint32(packet[8:]))
	at := 8 + headers
	return len(packet) >= at+2 && binary.LittleEndian.Uint16(packet[at:]) == 7
}

// commits is the text of a COMMIT as it is sent.
var commits = func() (b []byte) {
	for _, r := range "COMMIT TRAN" {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return b
}()
