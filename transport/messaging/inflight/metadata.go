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
func MarshalMetadata(metadata map[string]string) string {
	text, plain := plainMetadata(metadata)
	if !plain {
		encoded, _ := json.Marshal(metadata) // a map of strings always encodes
		text = string(encoded)
	}
	return text
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

// plainMetadata writes metadata byte for byte as json.Marshal does, which is slow for a map. plain is false
// if the metadata has characters that json.Marshal would escape.
func plainMetadata(metadata map[string]string) (text string, plain bool) {
	var few [8]string
	keys := few[:0]
	for key := range metadata {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	o := stored.NewObject(make([]byte, 0, 192))
	for _, key := range keys {
		if !isPlain(key) || !isPlain(metadata[key]) {
			return "", false
		}
		o.Text(key, metadata[key])
	}
	return string(o.End()), true
}

// isPlain says that json.Marshal would escape nothing of s: it escapes HTML too.
func isPlain(s string) bool { return stored.IsPlain(s) && !strings.ContainsAny(s, "<>&") }

// scanMetadata reads what plainMetadata wrote; false for any other text.
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
