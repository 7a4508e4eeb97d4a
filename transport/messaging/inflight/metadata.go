package inflight

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"orderflow/domain/stored"
)

// MarshalMetadata is what json.Marshal makes of a message's metadata, except that no metadata is an
// empty object.
func MarshalMetadata(uuid string, metadata map[string]string) (string, error) {
	if text, plain := plainMetadata(metadata); plain {
		return text, nil
	}
	text, err := json.Marshal(metadata)
	if err != nil {
		return "", fmt.Errorf("message %s: metadata: %w", uuid, err)
	}
	return string(text), nil
}

// UnmarshalMetadata reads what MarshalMetadata wrote, as json.Unmarshal does.
func UnmarshalMetadata(uuid string, text []byte) (map[string]string, error) {
	metadata := map[string]string{}
	if scanMetadata(string(text), metadata) {
		return metadata, nil
	}
	metadata = map[string]string{}
	if err := json.Unmarshal(text, &metadata); err != nil {
		return nil, fmt.Errorf("message %s: metadata: %w", uuid, err)
	}
	return metadata, nil
}

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
	s := stored.NewScanner(text)
	s.Expect(`{`)
	for more := true; more; more = s.Next(`,`) {
		key := s.Text()
		s.Expect(`:`)
		into[key] = s.Text()
	}
	s.Expect(`}`)
	return s.Done()
}
