package domain

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Released JSON never changes: with this flag, files that are missing are written, and
// a file that says something else still fails the test. A new shape of an event gets a
// new schema version, a file of its own and an upcaster; the old files stay.
var update = flag.Bool("update", false, "write golden files that do not exist yet")

// golden is one stored event: its file is testdata/<type>.<schema>[.<variant>].json.
type golden struct {
	schema  int
	variant string
	event   Event
}

var goldens = []golden{
	{1, "", OrderPlaced{TrackingID: "PO-2026-0042", Detail: json.RawMessage(`{"sku":"A<1>&\"2\"","count":3,"note":"Grüße, 世界 🚚","price":1.50,"large":12345678901234567890}`)}},
	{1, "bare", OrderPlaced{}},
	{1, "null-detail", OrderPlaced{Detail: json.RawMessage(`null`)}},
	{1, "text-detail", OrderPlaced{TrackingID: "<&>\u2028", Detail: json.RawMessage(`"just text"`)}},
	{2, "", OrderPlaced{TrackingID: "PO-2026-0043", Detail: json.RawMessage(`{"sku":"A-1"}`), Customer: "Müller <GmbH>", KeyHash: strings.Repeat("0123456789abcdef", 4)}},
	{2, "bare", OrderPlaced{}},
	{2, "customer", OrderPlaced{Customer: "acme"}},
	{2, "key", OrderPlaced{TrackingID: "T-1", KeyHash: strings.Repeat("fedcba9876543210", 4)}},
	{3, "", OrderPlaced{TrackingID: "PO-2026-0043", Detail: json.RawMessage(`{"sku":"A-1"}`), Customer: "Müller <GmbH>", RetryOf: OrderID{0x01, 0x9c, 15: 0xfe}}},
	{3, "bare", OrderPlaced{RetryOf: OrderID{0x01, 0x9c, 15: 0xff}}},
	{1, "", StepStarted{Step: Scheduling, Attempt: 1, Node: "node-a"}},
	{1, "", StepCompleted{Step: PreProcessing, Attempt: 2, Node: "node-b"}},
	{1, "", StepFailed{Step: Processing, Attempt: 3, Node: "node-c", Error: "out of \"steel\" <at> größe 5\n"}},
	{1, "", StepInterrupted{Step: PostProcessing, Attempt: 4, Node: "node-d", Reason: "node node-d was lost"}},
	{1, "", StepRolledBack{Step: Scheduling, Attempt: 1, Node: "node-e"}},
	{1, "", OrderCompleted{}},
	{1, "", OrderFailed{Step: Processing, Reason: "out of steel"}},
	{1, "", OrderParked{Step: Processing, Reason: "interrupted 3 times"}},
	{1, "", OrderResumed{Reason: "the press is repaired"}},
	{1, "bare", OrderResumed{}},
	{1, "", OrderCancelRequested{Reason: "the customer <called>: größe 5\n"}},
	{1, "now", OrderCancelRequested{Reason: "fire", Now: true}},
	{1, "", OrderCancelled{Reason: "the customer <called>"}},
	{1, "", OrderFailRequested{Reason: "the press is beyond repair"}},
}

func (g golden) file() string {
	name := []string{TypeOf(g.event), strconv.Itoa(g.schema)}
	if g.variant != "" {
		name = append(name, g.variant)
	}
	return filepath.Join("testdata", strings.Join(append(name, "json"), "."))
}

func TestCodec_golden(t *testing.T) {
	codec := newCodec()
	covered := map[string]bool{}
	for _, g := range goldens {
		t.Run(filepath.Base(g.file()), func(t *testing.T) {
			encoded := encodeAs(t, codec, g)
			data, current := encoded.Data, encoded.Schema == g.schema
			stored := readGolden(t, g.file(), data, current)
			if current && string(data) != string(stored) {
				t.Errorf("encoded\n%s\nbut released is\n%s", data, stored)
			}
			event, err := codec.decode(TypeOf(g.event), g.schema, string(stored))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(event, g.event) {
				t.Errorf("decoded %#v, want %#v", event, g.event)
			}
			if g.schema == codec[TypeOf(g.event)].schema() {
				covered[TypeOf(g.event)] = true
			}
		})
	}
	for typ := range codec {
		if !covered[typ] {
			t.Errorf("no golden file pins the JSON of %s at its present schema version", typ)
		}
	}
}

// encodeAs encodes a case in its schema version, or if that is not written any more, in the
// present one.
func encodeAs(t *testing.T, codec codec, g golden) (encoded Encoded) {
	t.Helper()
	for level := EventLevel; level > 0; level-- {
		var err error
		if encoded, err = codec.encode(level, g.event); err != nil {
			t.Fatal(err)
		}
		if encoded.Schema == g.schema {
			break
		}
	}
	return encoded
}

// readGolden reads a released file. With -update it writes one that is missing, if the
// JSON at hand is of the present schema version.
func readGolden(t *testing.T, file string, data []byte, current bool) []byte {
	t.Helper()
	stored, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && *update && current {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("wrote %s", file)
		return data
	}
	if err != nil {
		t.Fatalf("%v (a new event's file is written with -update)", err)
	}
	return stored
}

// Every file is held by a case, so that none can be left behind unread.
func TestCodec_goldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, g := range goldens {
		known = append(known, g.file())
	}
	for _, m := range goldenMetadata {
		known = append(known, m.file)
	}
	for _, f := range files {
		if !slices.Contains(known, f) {
			t.Errorf("%s is read by no test", f)
		}
	}
}

var goldenMetadata = []struct {
	file     string
	metadata Metadata
}{
	{"testdata/metadata.json", Metadata{
		Schema: 1, Actor: "worker", Node: "node-a", Attempt: 2, CorrelationID: "req-<1>",
		CausationID: "01890a5d-ac96-774b-bcce-b302099a8057:3", TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}},
	{"testdata/metadata.bare.json", Metadata{Schema: 1}},
	{"testdata/metadata.operator.json", Metadata{Schema: 1, Actor: "operator:ada", CorrelationID: "req-1", RunBy: "root (uid 0)"}},
}

func TestMetadata_golden(t *testing.T) {
	for _, g := range goldenMetadata {
		data := EncodeMetadata(g.metadata)
		stored := readGolden(t, g.file, data, true)
		if string(data) != string(stored) {
			t.Errorf("encoded\n%s\nbut released is\n%s", data, stored)
		}
		var m Metadata
		if err := json.Unmarshal(stored, &m); err != nil || m != g.metadata {
			t.Errorf("decoded %+v, err %v; want %+v", m, err, g.metadata)
		}
	}
}
