package schematest

import (
	"encoding/binary"
	"net"
	"unicode/utf16"
)

// given is a packet as it is passed on; nil if it is not. The answer to a statement that is given up is replaced.
func (p *Proxy) given(from, to net.Conn, packet []byte, request bool) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := packet[1]&endOfMessage != 0
	switch {
	case request && last && p.giveUp > 0 && isStatement(packet):
		p.giveUp--
		p.victim = to
	case !request && from == p.victim && !last:
		return nil
	case !request && from == p.victim:
		p.victim = nil
		return deadlock
	}
	return packet
}

// isStatement: a batch (type 1) or a remote call (type 3), which is how statements with arguments are sent
// ([MS-TDS] 2.2.3.1.1).
func isStatement(packet []byte) bool { return packet[0] == 1 || packet[0] == 3 }

// deadlock is a whole answer (type 4) with the tokens ERROR (0xAA), number 1205 of class 13, and DONE (0xFD) with
// its bit for errors ([MS-TDS] 2.2.7.10 and 2.2.7.6).
var deadlock = func() []byte {
	text := utf16.Encode([]rune("Rerun the transaction."))
	info := binary.LittleEndian.AppendUint32(nil, 1205)
	info = append(info, 1, 13) // state and class
	info = binary.LittleEndian.AppendUint16(info, uint16(len(text)))
	for _, unit := range text {
		info = binary.LittleEndian.AppendUint16(info, unit)
	}
	info = append(info, 0, 0)                        // no names of server and procedure
	info = binary.LittleEndian.AppendUint32(info, 1) // the line
	tokens := append([]byte{0xAA}, binary.LittleEndian.AppendUint16(nil, uint16(len(info)))...)
	tokens = append(append(tokens, info...), 0xFD, 2, 0, 0, 0)
	tokens = append(tokens, make([]byte, 8)...) // rows
	packet := []byte{4, endOfMessage, 0, 0, 0, 0, 1, 0}
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)+len(tokens)))
	return append(packet, tokens...)
}()
