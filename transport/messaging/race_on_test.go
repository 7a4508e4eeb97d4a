//go:build race

package messaging_test

// raceDetector says that the tests run with it, several times slower.
const raceDetector = true
