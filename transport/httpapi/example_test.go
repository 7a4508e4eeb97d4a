package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"orderflow/transport/httpapi"
)

// An order is placed, and placed again because the first answer might have been lost.
func ExampleNewAPI() {
	store := &fakeStore{}
	config := httpapi.APIConfig{History: store, Views: &fakeViews{}}
	fixedID(store)(&config) // instead of a new id each time
	server := httptest.NewServer(httpapi.NewAPI(config))
	defer server.Close()

	for range 2 {
		body := strings.NewReader(`{"tracking_id": "2026-000117", "detail": {"item": "kettle", "quantity": 2}}`)
		res, err := http.Post(server.URL+"/v1/orders", "application/json", body)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(res.Status, res.Header.Get("Location"), "repeated:", res.Header.Get("Idempotent-Replayed") == "true")
		_ = res.Body.Close()
	}
	// Output:
	// 202 Accepted /v1/orders/01890a5d-ac96-774b-bcce-b302099a8057 repeated: false
	// 202 Accepted /v1/orders/01890a5d-ac96-774b-bcce-b302099a8057 repeated: true
}
