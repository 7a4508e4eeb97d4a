package httpapi_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// generator makes Go clients of OpenAPI documents.
const generator = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

// program uses the generated client of the customers' document, and has that of the operators'
// compiled.
const program = `package main

import (
	"context"
	"fmt"
	"os"

	"client/customers"
	_ "client/operators"
)

func main() {
	c, err := customers.NewClientWithResponses(os.Args[1])
	if err != nil {
		panic(err)
	}
	tracking, ctx := "t-1", context.Background()
	placed, err := c.PlaceOrderWithResponse(ctx, &customers.PlaceOrderParams{}, customers.NewOrder{TrackingId: &tracking, Detail: map[string]any{"n": 1}})
	if err != nil || placed.JSON202 == nil {
		panic(fmt.Sprint(err, placed))
	}
	history, err := c.GetOrderEventsWithResponse(ctx, placed.JSON202.OrderId, nil)
	if err != nil || history.JSON200 == nil {
		panic(fmt.Sprint(err, history))
	}
	other, err := c.PlaceOrderWithResponse(ctx, &customers.PlaceOrderParams{}, customers.NewOrder{TrackingId: &tracking})
	if err != nil || other.ApplicationproblemJSON409 == nil {
		panic(fmt.Sprint(err, other))
	}
	fmt.Println((*history.JSON200)[0].Type, *other.ApplicationproblemJSON409.OrderId == placed.JSON202.OrderId)
}
`

// TestOpenAPI_client generates clients of both documents, compiles them and places an order with
// one. It fetches the generator and what the clients use through the Go module proxy.
func TestOpenAPI_client(t *testing.T) {
	if os.Getenv("ORDERFLOW_TEST_LONG") == "" {
		t.Skip("SKIPPED: no client was generated of the OpenAPI documents; it takes long. Set ORDERFLOW_TEST_LONG=1")
	}
	dir := t.TempDir()
	run := func(command ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v", command, err)
		}
		return string(out)
	}
	run("go", "mod", "init", "client")
	for name, file := range map[string]string{"customers": "openapi.yaml", "operators": "openapi-admin.yaml"} {
		document, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		run("go", "run", generator, "-generate", "types,client", "-package", name, "-o", filepath.Join(name, "client.go"), document)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	run("go", "mod", "tidy")
	run("go", "vet", "./...")
	server := httptest.NewServer(newRig())
	defer server.Close()
	if got := run("go", "run", ".", server.URL); got != "OrderPlaced true\n" {
		t.Errorf("the client printed %q", got)
	}
}
