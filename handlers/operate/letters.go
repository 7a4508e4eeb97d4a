package operate

import "time"

// AboutRunBy is the name in By.About of the user who ran the command, as the operating system knows them.
const AboutRunBy = "run_by"

// Letter is a dead letter, for people and programs.
type Letter struct {
	Letter        string    `json:"letter"` // its key: GROUP:TOPIC/PARTITION/POSITION
	Group         string    `json:"group"`
	Topic         string    `json:"topic"`
	Partition     int       `json:"partition"`
	Position      int64     `json:"position"`
	UUID          string    `json:"uuid"`
	Payload       string    `json:"payload"`
	Attempt       int       `json:"attempt"`
	Interruptions int       `json:"interruptions"`
	Reason        string    `json:"reason"`
	ParkedAt      time.Time `json:"parked_at"`
	OrderID       string    `json:"order_id,omitempty"` // empty if the message names none
}

// LetterPage is a part of a list of dead letters, the latest in front.
type LetterPage struct {
	Letters []Letter `json:"letters"`
	// Total is how many the filter lets through on all pages. Above TotalLimit it is not counted further.
	Total      int    `json:"total"`
	TotalLimit int    `json:"total_limit"`
	NextCursor string `json:"next_cursor,omitempty"` // of the next page; empty after the last
}

// LetterDone is what became of a dead letter.
type LetterDone struct {
	Letter  string `json:"letter"`
	OrderID string `json:"order_id,omitempty"` // of the order that was resumed
}
