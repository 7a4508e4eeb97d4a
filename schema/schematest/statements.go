package schematest

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// Statement is what SQL Server's plan cache knows a statement by: its text, and the declaration of its
// parameters.
type Statement struct{ Text, Declaration string }

// Statements are the statements that were sent, and how often each was.
func (p *Proxy) Statements() map[Statement]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[Statement]int, len(p.statements))
	for s, n := range p.statements {
		all[s] = n
	}
	return all
}

// Forget forgets the statements that were sent so far.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.statements)
}

// Attentions is how many requests were given up by the client before their answer had ended.
func (p *Proxy) Attentions() int64 { return p.attentions.Load() }

// Kinds of packets ([MS-TDS] 2.2.3.1.1).
const (
	packetBatch     = 1
	packetRPC       = 3
	packetAttention = 6
	packetManager   = 14
)

// message is a request as its packets come in.
type message struct {
	kind byte
	data []byte
}

// add takes the data of one more packet, and says whether the message is whole.
func (m *message) add(packet []byte) bool {
	if m.kind != packet[0] {
		m.kind, m.data = packet[0], nil
	}
	m.data = append(m.data, packet[8:]...)
	return packet[1]&endOfMessage != 0
}

// note counts a request whose last packet has come, and says whether it is the last one that is passed on.
func (p *Proxy) note(m *message) (last bool) {
	defer func() { m.data = nil }()
	if m.kind == packetAttention {
		p.attentions.Add(1)
		return false
	}
	s, ok := m.statement()
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.statements[s]++
	last = p.last != "" && strings.Contains(s.Text, p.last)
	if last {
		p.last = ""
	}
	return last
}

// statement reads the statement of a request; false if the request has none.
func (m *message) statement() (s Statement, ok bool) {
	if m.kind != packetBatch && m.kind != packetRPC || len(m.data) < 4 {
		return s, false
	}
	headers := int(binary.LittleEndian.Uint32(m.data)) // ALL_HEADERS ([MS-TDS] 2.2.5.3)
	if headers > len(m.data) {
		return s, false
	}
	rest := m.data[headers:]
	if m.kind == packetBatch {
		return Statement{Text: ucs2(rest)}, true
	}
	const procedure = 6 // 0xffff, the number of sp_executesql, flags ([MS-TDS] 2.2.6.6)
	if len(rest) < procedure || binary.LittleEndian.Uint16(rest) != 0xffff {
		return s, false
	}
	r := reader{rest[procedure:]}
	s.Text = r.text()
	s.Declaration = r.text()
	return s, true
}

// reader reads the parameters of a request for sp_executesql.
type reader struct{ rest []byte }

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		n = len(r.rest)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// text reads a parameter of type NVARCHAR: the length of its name, its name, its flags, its type and
// greatest length, its collation, and its value, which is in chunks if it may be longer than 8,000 bytes
// ([MS-TDS] 2.2.5.2.3, 2.2.5.5.1).
func (r *reader) text() string {
	if name := r.take(1); len(name) == 1 {
		r.take(2*int(name[0]) + 2)
	}
	most := r.number(2)
	r.take(5)
	if most != 0xffff {
		return ucs2(r.take(r.number(2)))
	}
	r.take(8)
	var value []byte
	for n := r.number(4); n > 0; n = r.number(4) {
		value = append(value, r.take(n)...)
	}
	return ucs2(value)
}

// number reads a number of so many bytes.
func (r *reader) number(bytes int) (n int) {
	for i, b := range r.take(bytes) {
		n |= int(b) << (8 * i)
	}
	return n
}

func ucs2(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
