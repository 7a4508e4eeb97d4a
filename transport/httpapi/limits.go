package httpapi

// What a request may measure at most. Every limit is inclusive.
const (
	// MaxBody is the size of a body in bytes.
	MaxBody = 1 << 20
	// MaxHeader is the size in bytes of the request line and the header fields together.
	MaxHeader = 16 << 10
)
