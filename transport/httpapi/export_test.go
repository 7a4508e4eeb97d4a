package httpapi

import "net/http"

// NewEdge puts the edge before a handler.
func NewEdge(h http.HandlerFunc) http.Handler { return newEdge(nil, h) }
