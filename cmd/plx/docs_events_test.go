package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDocsEvents checks that docs/events.md tells of the events that there are,
// and of no others.
func TestDocsEvents(t *testing.T) {
	want := map[string]bool{"begin": true, "end": true, "log": true}
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/realize/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want[strings.ReplaceAll(kind, " ", "_")] = true
		}
		return true
	})
	got := make(map[string]bool)
	for _, row := range tableRows(readText(t, "../../docs/events.md")) {
		if len(row) == 3 {
			got[strings.Trim(row[0], "`")] = true
		}
	}
	if len(want) < 10 || !maps.Equal(got, want) {
		t.Errorf("events: got %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}
