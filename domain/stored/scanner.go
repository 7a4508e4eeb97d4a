package stored

import "strings"

// Scanner reads JSON of which every byte is expected, as this system writes it: without
// white space, members in declared order. Once something else has come, Done says false
// for ever, and what was read means nothing; encoding/json may then have a try.
type Scanner struct {
	rest string
	odd  bool
}

// NewScanner is at the beginning of text. What it reads are parts of text, not copies.
func NewScanner(text string) Scanner { return Scanner{rest: text} }

// Next passes over text, if that is what comes next.
func (s *Scanner) Next(text string) bool {
	rest, is := strings.CutPrefix(s.rest, text)
	s.rest = rest
	return is
}

// Expect passes over text.
func (s *Scanner) Expect(text string) {
	if !s.Next(text) {
		s.odd = true
	}
}

// Text reads a string of printable ASCII without escapes.
func (s *Scanner) Text() string {
	s.Expect(`"`)
	n := plainPart(s.rest)
	text := s.rest[:n]
	s.rest = s.rest[n:]
	s.Expect(`"`)
	return text
}

// Number reads a whole number of at most nine digits that is not negative.
func (s *Scanner) Number() (number int) {
	n := 0
	for n < len(s.rest) && '0' <= s.rest[n] && s.rest[n] <= '9' {
		number = number*10 + int(s.rest[n]-'0')
		n++
	}
	if n == 0 || n > 9 || n > 1 && s.rest[0] == '0' {
		s.odd = true
	}
	s.rest = s.rest[n:]
	return number
}

// Member reads the text of a member that may be missing, and then is empty.
func (s *Scanner) Member(key string) string {
	if !s.Next(key) {
		return ""
	}
	return s.Text()
}

// Refuse says that what has been read is not as expected.
func (s *Scanner) Refuse() { s.odd = true }

// Done says that everything has been read and was as expected.
func (s *Scanner) Done() bool { return !s.odd && s.rest == "" }
