package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// printedOn runs plx on a terminal so wide, and returns the lines on it.
func printedOn(t *testing.T, columns uint16, args ...string) []string {
	t.Helper()
	master, slave := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte)
	go func() {
		data, _ := io.ReadAll(master) // it ends with EIO
		read <- data
	}()
	var stderr bytes.Buffer
	status := run(args, strings.NewReader(""), slave, &stderr)
	slave.Close()
	text := strings.ReplaceAll(string(<-read), "\r\n", "\n")
	if status != exitOK {
		t.Fatalf("plx %q: status %d\n%s", args, status, &stderr)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// TestTables: on a terminal lists are tables with heads, and no line of a table
// is longer than the terminal is wide.
func TestTables(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PLX_STORE", writableAtEnd(t, t.TempDir())+"/store")
	if err := os.WriteFile("stage.toml", []byte(shapesFile), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("note.txt", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"realize"}, strings.NewReader(""), &stdout, &stderr); status != exitOK {
		t.Fatal(stderr.String())
	}
	for _, test := range []struct{ args, head string }{
		{"ls", "STAGE       RESULTS  DREF"},
		{"ls train", "RUN  SIZE  MADE                 RREF"},
		{"runs sweep", "#  RREF             STAGE       x  m.n  RUN    TOOK  SIZE  MADE"},
		{"find", "RREF             STAGE"},
		{"du", "    OWN  SHARED"},
		{"tree best", "best"},
		{"why best", "best would be reused"},
	} {
		wide := printedOn(t, 300, strings.Fields(test.args)...)
		if !strings.HasPrefix(wide[0], test.head) {
			t.Errorf("plx %s: got\n%s\nwant the head %s", test.args, strings.Join(wide, "\n"), test.head)
		}
		narrow := printedOn(t, 40, strings.Fields(test.args)...)
		if len(narrow) != len(wide) {
			t.Errorf("plx %s: got %d lines on a narrow terminal, %d on a wide one", test.args, len(narrow), len(wide))
		}
		if test.args == "why best" {
			continue // it is text, with a table in it
		}
		for _, line := range narrow {
			if utf8.RuneCountInString(line) > 40 {
				t.Errorf("plx %s: longer than 40 characters: %s", test.args, line)
			}
		}
	}
	if narrow := printedOn(t, 20, "ls"); !strings.HasSuffix(narrow[1], "…") {
		t.Errorf("got %q, want it to be cut", narrow[1])
	}
}
