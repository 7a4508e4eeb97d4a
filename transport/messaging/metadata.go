package messaging

import (
	"slices"
	"strings"

	"orderflow/domain"
)

// plainMetadata writes metadata byte for byte as json.Marshal does, as long as there is
// nothing in it to escape; otherwise it says false. No metadata is empty metadata. It is
// called for every message, and encoding/json takes its time for a map.
func plainMetadata(metadata map[string]string) (text string, plain bool) {
	var few [8]string
	keys, size := few[:0], len(`{}`)
	for key, value := range metadata {
		if !isPlain(key) || !isPlain(value) {
			return "", false
		}
		keys = append(keys, key)
		size += len(key) + len(value) + len(`"":"",`)
	}
	slices.Sort(keys)
	var b strings.Builder
	b.Grow(size)
	b.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(key)
		b.WriteString(`":"`)
		b.WriteString(metadata[key])
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String(), true
}

// isPlain says that json.Marshal would escape nothing of s.
func isPlain(s string) bool {
	for i := range len(s) {
		if !unescaped[s[i]] {
			return false
		}
	}
	return true
}

// unescaped are the bytes that stand for themselves in what json.Marshal writes.
var unescaped = func() (is [256]bool) {
	for c := ' '; c <= '~'; c++ {
		is[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return is
}()

// scanMetadata reads what plainMetadata wrote; false for anything else, which is left to
// encoding/json, as is what has been read of it.
func scanMetadata(text string, into map[string]string) bool {
	s := domain.NewScanner(text)
	s.Expect(`{`)
	for more := true; more; more = s.Next(`,`) {
		key := s.Text()
		s.Expect(`:`)
		into[key] = s.Text()
	}
	s.Expect(`}`)
	return s.Done()
}
