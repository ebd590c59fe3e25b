package realize

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"plx/internal/store"
)

// tailLines is how many lines of its log a failure shows.
const tailLines = 20

// failed keeps what is there for a person to look at, of the first run that
// fails. st is nil where nothing was run.
func (t *task) failed(run, tries int, st *store.Staging, cause error) error {
	var command *BuildError
	if errors.As(cause, &command) {
		cause = command.Err
	}
	e := &BuildError{Stage: t.stage.Name, Ref: t.stage.Ref, Run: run, Tries: tries, Err: cause}
	if st == nil || !t.keeps.CompareAndSwap(false, true) {
		return e
	}
	if e.Tail = tail(st.LogPath()); e.Tail != nil {
		e.Log = t.g.Store.FailedLogPath(t.stage.Ref)
	}
	reason, _ := strings.CutPrefix(e.Error(), fmt.Sprintf("build %v: ", e.Ref))
	if err := appendTo(st.LogPath(), reason); err != nil {
		t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: err})
	}
	kept, err := st.Keep(t.stage.Ref, t.key)
	if err != nil {
		e.Log, e.Err = "", errors.Join(cause, fmt.Errorf("keep the build directory: %v", err))
		return e
	}
	e.Kept = kept
	return e
}

// appendTo adds lines of plx's own to the end of a log, which may not end with
// a whole line.
func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	text = "plx: " + text + "\n"
	if end, err := f.Seek(-1, io.SeekEnd); err == nil {
		var last [1]byte
		if _, err := f.ReadAt(last[:], end); err == nil && last[0] != '\n' {
			text = "\n" + text
		}
	}
	_, err = f.WriteString(text)
	return err
}

// remember tells that the stage failed last, if nothing was made since.
func (t *task) remember() {
	log := t.g.Store.FailedLogPath(t.stage.Ref)
	info, err := os.Stat(log)
	if err != nil {
		return
	}
	for _, r := range t.found {
		if r.Made.After(info.ModTime()) {
			return
		}
	}
	t.g.observe(Event{Kind: FailedBefore, Stage: t.stage, When: info.ModTime(), Because: log})
}

// tail returns the last lines of a file.
func tail(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	const most = 64 << 10 // bytes: lines of a log are rarely longer than 3 KiB
	if info, err := f.Stat(); err == nil && info.Size() > most {
		f.Seek(-most, 2)
	}
	data := make([]byte, most)
	n, _ := f.Read(data)
	text := strings.TrimRight(string(data[:n]), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-tailLines):]
}
