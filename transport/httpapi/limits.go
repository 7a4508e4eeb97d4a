package httpapi

// What a request may measure at most. Every limit is inclusive.
const (
	// MaxBody is the size of a body in bytes.
	MaxBody = 1 << 20
	// MaxHeader is the size in bytes of the request line and the header fields together.
	MaxHeader = 16 << 10
	// MaxTrackingID is the length of a tracking id in bytes of UTF-8.
	MaxTrackingID = 200
	// MaxIdempotencyKey is the length of an Idempotency-Key in bytes.
	MaxIdempotencyKey = 200
	// MaxDepth is how deep a detail may nest arrays and objects. SQL Server's JSON functions
	// take 128 levels of an event, in which the detail is one level down.
	MaxDepth = 100
)
