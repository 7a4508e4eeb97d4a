// Package spelling tells what a misspelled name was meant to be.
package spelling

import "strings"

// Closest is the candidate that name was probably meant to be: the same but for
// case, or at most two slips away and not of another length altogether.
func Closest(name string, candidates []string) (string, bool) {
	const longest = 64 // bounds the work for a name that is nothing like a field
	if len(name) > longest {
		return "", false
	}
	best, least := "", 3
	for _, c := range candidates {
		d := slips(strings.ToLower(name), c)
		if d < least && d < len(c)/2+1 {
			best, least = c, d
		}
	}
	return best, best != ""
}

// slips counts the letters to insert, drop, change or swap with their neighbor to
// make b of a (optimal string alignment distance).
func slips(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
