package main

import (
	"fmt"
	"strings"
)

// This file makes the work of stages, the same for each tool: a stage reads a
// line, and writes it with its own name for its first word. A line is short
// however long the chain is.

// The shapes of a work of n stages. The first stage reads the source.
const (
	chain  = "chain"   // each stage reads what the one before it made
	fanOut = "fan-out" // all others read what the first made
)

// A work is so many stages in a shape.
type work struct {
	shape string
	n     int
}

// input is the number of the stage that stage i reads, or 0 for the source.
func (w work) input(i int) int {
	if w.shape == chain || i == 1 {
		return i - 1
	}
	return 1
}

// targets are the stages that no other reads.
func (w work) targets() []int {
	if w.shape == chain || w.n == 1 {
		return []int{w.n}
	}
	var all []int
	for i := 2; i <= w.n; i++ {
		all = append(all, i)
	}
	return all
}

// sourceFile is the file that the first stage reads, and of which it reads the
// first line only: the second is a comment.
const sourceFile = "source.txt"

// source is a content of it.
func source(text, comment string) string {
	return fmt.Sprintf("source %s\n# %s\n", text, comment)
}

// script is what stage i runs, in sh.
func script(i int, in, out string) string {
	return fmt.Sprintf(`read -r name text < %s; echo "s%d $text" > %s`, in, i, out)
}

// file is the name of stage i's result where results are files in the
// project, and of the source for 0.
func file(i int) string {
	if i == 0 {
		return sourceFile
	}
	return fmt.Sprintf("o%d", i)
}

// each writes a text for each stage, one after the other.
func (w work) each(head string, text func(i int) string, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 1; i <= w.n; i++ {
		b.WriteString(text(i))
	}
	b.WriteString(tail)
	return b.String()
}

// list writes the targets, one after the other.
func (w work) list(format, separator string) string {
	var words []string
	for _, i := range w.targets() {
		words = append(words, fmt.Sprintf(format, i))
	}
	return strings.Join(words, separator)
}
