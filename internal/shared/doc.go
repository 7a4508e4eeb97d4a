// Package shared asks a question once for all who want its answer.
//
// What it promises:
//
//   - Those that come within a time share one answer, however many they are (Question).
//   - Who goes away does not end the question for the others; it ends by itself, after its time.
package shared
