package spelling

import (
	"strings"
	"testing"
)

func TestClosest(t *testing.T) {
	fields := []string{"tracking_id", "detail"}
	for name, want := range map[string]string{
		"detial": "detail", "dteails": "detail", "details": "detail", "DETAIL": "detail", "detai": "detail", "etail": "detail", "dettail": "detail", "dtail": "detail",
		"tracking-id": "tracking_id", "trackingid": "tracking_id", "id": "", "data": "", "": "", "x": "", "trail": "",
		strings.Repeat("detail", 100): "",
	} {
		if got, _ := Closest(name, fields); got != want {
			t.Errorf("closest to %.20q is %q, want %q", name, got, want)
		}
	}
}
