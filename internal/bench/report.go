package bench

import "time"

// Report is all that was measured.
type Report struct {
	Machine  Machine   `json:"machine"`
	Sections []Section `json:"sections"`
}

// Machine is what was measured on.
type Machine struct {
	Cores      int    `json:"cores"` // that this process may use
	CPU        string `json:"cpu"`
	OS         string `json:"os"`
	Go         string `json:"go"`
	Database   string `json:"database"`
	FileSystem string `json:"file_system"` // of the SQLite files
}

// Section is what one measure found.
type Section struct {
	Measure string `json:"measure"`
	Figures `json:"figures"`
	// Costs are those of the measure cost.
	Costs []Costs `json:"costs,omitempty"`
	// Points are those of the measure scale, by nodes.
	Points []Point       `json:"points,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

// Point is the curve of scale at one number of nodes.
type Point struct {
	Nodes        int           `json:"nodes"`
	Workers      int           `json:"workers"` // of each node
	StepDuration time.Duration `json:"step_duration_ns"`
	Figures      `json:"figures"`
}
