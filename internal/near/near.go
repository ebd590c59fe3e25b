// Package near finds the name that a mistyped one means.
package near

import "strings"

// Name returns the name that is most like word, the first of them, or ""
// where none is like it. A third of the word's bytes may be wrong, but no more
// than three; of two bytes one may be, of one none. Case doesn't count.
func Name(word string, names []string) string {
	best, limit := "", min(3, max(len(word)/3, min(1, len(word)-1)))
	for _, name := range names {
		if len(name)-len(word) > limit || len(word)-len(name) > limit {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(name)); d <= limit && name != word {
			best, limit = name, d-1
		}
	}
	return best
}

// distance counts the bytes to insert, delete, replace, or swap with their
// neighbours to make b of a: the optimal string alignment distance.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
