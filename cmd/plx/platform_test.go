package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// platforms are the systems that plx is for: what all of them compile is in
// files without a name or constraint of one.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"}

// TestPlatform: nothing outside of internal/builder, and what is below it,
// knows the platform. No other file is for one only: so each compiles for all,
// and has only such names of x/sys/unix and syscall as all have (CI vets that
// for two). And none of them asks which one it is.
//
// Tests may: they look at what plx does from without.
func TestPlatform(t *testing.T) {
	for _, dir := range append(packages(t), ".") {
		if strings.HasPrefix(dir, "../../internal/builder") {
			continue
		}
		for _, file := range files(t, dir) {
			if only := compiledFor(t, file); len(only) != len(platforms) {
				t.Errorf("%s is compiled for %v alone: what a platform has of its own belongs in internal/builder, or internal/builder/host", file, only)
			}
			if at := askedPlatform(t, file); at.IsValid() {
				t.Errorf("%v asks which platform it is: that belongs in internal/builder/host", at)
			}
		}
	}
}

// compiledFor returns the platforms that have the file.
func compiledFor(t *testing.T, file string) []string {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(platforms), func(platform string) bool {
		c := build.Default
		c.GOOS, c.GOARCH, _ = strings.Cut(platform, "/")
		match, err := c.MatchFile(filepath.Split(file))
		if err != nil {
			t.Fatal(err)
		}
		return !match
	})
}

// askedPlatform returns where the file compares the name of the platform with
// anything. It may print the name, and hash it.
func askedPlatform(t *testing.T, file string) (at token.Position) {
	t.Helper()
	positions := token.NewFileSet()
	tree, err := parser.ParseFile(positions, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op != token.ADD && (namesPlatform(n.X) || namesPlatform(n.Y)) {
				at = positions.Position(n.Pos())
			}
		case *ast.SwitchStmt:
			if n.Tag != nil && namesPlatform(n.Tag) {
				at = positions.Position(n.Pos())
			}
		}
		return true
	})
	return at
}

// namesPlatform reports whether the expression is runtime.GOOS or
// runtime.GOARCH.
func namesPlatform(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "GOOS" && s.Sel.Name != "GOARCH" {
		return false
	}
	p, ok := s.X.(*ast.Ident)
	return ok && p.Name == "runtime"
}
