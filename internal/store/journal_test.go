package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plx/internal/builder/host"
)

// powerLoss has the journal say that the machine went down, and that what has
// changed since then may not be on the disk.
func powerLoss(t *testing.T, dir string, since time.Time) {
	t.Helper()
	overwrite(t, dir+"/journal", string(journal{"another boot", since.UnixNano()}.text()))
}

// crashDamages are what a file system may leave of a file that was not synced.
var crashDamages = map[string]func(path string, size int64) error{
	"empty":   func(path string, _ int64) error { return os.Truncate(path, 0) },
	"half":    func(path string, size int64) error { return os.Truncate(path, size/2) },
	"zeros":   func(path string, size int64) error { return errors.Join(os.Truncate(path, 0), os.Truncate(path, size)) },
	"missing": func(path string, _ int64) error { return os.Remove(path) },
}

// objectFiles returns the paths of the files of objects, below the store.
func objectFiles(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	for _, part := range []string{"drv", "tree", "action"} {
		err := filepath.WalkDir(dir+"/"+part, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				paths = append(paths, strings.TrimPrefix(path, dir+"/"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func damageFile(t *testing.T, path, how string) {
	t.Helper()
	parent := filepath.Dir(path)
	mode, err := os.Stat(parent)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	isLink := info.Mode().Type() == fs.ModeSymlink
	if isLink && how != "missing" {
		return
	}
	errs := []error{os.Chmod(parent, 0o700)}
	if !isLink {
		errs = append(errs, os.Chmod(path, 0o600))
	}
	errs = append(errs, crashDamages[how](path, info.Size()))
	if how != "missing" {
		errs = append(errs, os.Chmod(path, info.Mode()))
	}
	if err := errors.Join(append(errs, os.Chmod(parent, mode.Mode()))...); err != nil {
		t.Fatal(err)
	}
}

// Whatever file a power loss has damaged, in whatever way: nothing damaged is
// reported as good, to a process that only reads, or to one that writes, and
// what is damaged is made again.
func TestPowerLoss(t *testing.T) {
	dir := tempDir(t)
	model := open(t, dir+"/model")
	if _, err := committed(model); err != nil {
		t.Fatal(err)
	}
	for i, path := range objectFiles(t, model.Dir()) {
		for how := range crashDamages {
			t.Run(strings.ReplaceAll(path, "/", "_")+"_"+how, func(t *testing.T) {
				t.Parallel()
				checkPowerLoss(t, fmt.Sprintf("%s/%d-%s", dir, i, how), path, how)
			})
		}
	}
}

func checkPowerLoss(t *testing.T, dir, path, how string) {
	s := open(t, dir)
	refs, err := committed(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(dir + "/" + path); err != nil || how == "missing" && info.IsDir() {
		t.Skip("there is no such file in this one")
	}
	damageFile(t, dir+"/"+path, how)
	powerLoss(t, dir, time.Unix(0, 0))
	reader := open(t, dir)
	for _, ref := range refs {
		if r, err := reader.Realization(ref); err == nil {
			checkTreeIs(t, reader, r)
		}
	}
	writer := open(t, dir)
	lost := 0
	writer.Lost = func(error) { lost++ }
	hold(t, writer)
	for _, ref := range refs {
		if r, err := writer.Realization(ref); err == nil {
			checkTreeIs(t, writer, r)
		}
	}
	again, err := committed(writer)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(refs) {
		t.Fatalf("got %v, %v, want %v", again, err, refs)
	}
	checkSound(t, writer)
	if data, err := os.ReadFile(dir + "/journal"); err != nil || parseJournal(data).boot != host.BootID() {
		t.Errorf("journal: %q, %v", data, err)
	}
	if strings.HasSuffix(path, "/file") && lost == 0 {
		t.Error("a damaged result is not told of")
	}
}

func checkTreeIs(t *testing.T, s *Store, r Realization) {
	t.Helper()
	if err := s.checkTree(r.Tree); err != nil {
		t.Errorf("%v is reported as good: %v", r.Ref, err)
	}
}

// What was on the disk before is not read again.
func TestPowerLossSparesTheOld(t *testing.T) {
	s := held(t)
	old := result(t, s, derive(t, s, Derivation{Name: "old"}), nil, "1")
	damageFile(t, s.TreePath(old.Tree)+"/file", "zeros") // which only who reads it can tell
	probe := s.Dir() + "/tmp/probe"
	var since time.Time
	for started := time.Now(); ; { // until the clock of the file system has moved on
		if err := os.WriteFile(probe, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(probe)
		if err != nil {
			t.Fatal(err)
		}
		if since = info.ModTime(); since.After(started.Add(time.Millisecond)) {
			break
		}
	}
	fresh := result(t, s, derive(t, s, Derivation{Name: "fresh"}), nil, "2")
	damageFile(t, s.TreePath(fresh.Tree)+"/file", "zeros")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	powerLoss(t, s.Dir(), since)
	s = open(t, s.Dir())
	s.Lost = func(err error) { t.Log(err) }
	hold(t, s)
	if _, err := s.Realization(old.Ref); err != nil {
		t.Errorf("old: %v", err)
	}
	if _, err := s.Realization(fresh.Ref); !errors.Is(err, ErrNotExist) {
		t.Errorf("fresh: %v, want that it is gone", err)
	}
}

// Of what is lost, what refers to it finds a mark, and a person the rest.
func TestPowerLossInTheMiddle(t *testing.T) {
	s := held(t)
	refs, err := committed(s)
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Realization(refs[0])
	if err != nil {
		t.Fatal(err)
	}
	damageFile(t, s.recordPath(in.Ref), "empty")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	powerLoss(t, s.Dir(), time.Unix(0, 0))
	s = reopened(t, s)
	if !s.exists(s.OutPath(in.Ref)+removedSuffix) || !s.exists(s.join("tmp", damagedPrefix+in.Ref.hash.String()+".json")) {
		t.Error("no mark, or the record is not put aside")
	}
	if _, err := s.Realization(refs[1]); err != nil {
		t.Errorf("what was made from it: %v", err)
	}
}

// A clock that was set back sets the journal back, before anything is written.
func TestClockSetBack(t *testing.T) {
	s := held(t)
	ahead := time.Now().Add(time.Hour)
	overwrite(t, s.journalPath(), string(journal{host.BootID(), ahead.UnixNano()}.text()))
	result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	data, err := os.ReadFile(s.journalPath())
	if err != nil || parseJournal(data).since > time.Now().UnixNano() {
		t.Errorf("journal: %q, %v", data, err)
	}
}

// The journal moves on when results are on the disk, and not before.
func TestSync(t *testing.T) {
	s := held(t)
	read := func() int64 {
		data, err := os.ReadFile(s.journalPath())
		if err != nil {
			t.Fatal(err)
		}
		return parseJournal(data).since
	}
	overwrite(t, s.journalPath(), string(journal{host.BootID(), 1}.text()))
	result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	if read() != 1 {
		t.Error("the journal moved on before the sync")
	}
	if err := s.Sync(); err != nil || read() == 1 {
		t.Errorf("the journal did not move on: %v", err)
	}
	overwrite(t, s.journalPath(), string(journal{host.BootID(), 1}.text()))
	if err := s.Sync(); err != nil || read() != 1 {
		t.Errorf("synced with nothing written: %v", err)
	}
}

func TestParseJournal(t *testing.T) {
	j := journal{"9ef64aea-d6a2-404d-8661-a820db24eabb", 1790000000123456789}
	whole := string(j.text())
	if got := parseJournal(j.text()); got != j {
		t.Errorf("got %v, want %v", got, j)
	}
	for n := range len(whole) - 1 {
		for _, rest := range []string{"", strings.Repeat("\x00", len(whole)-n)} {
			if got := parseJournal([]byte(whole[:n] + rest)); got.since > j.since || got.since != 0 && got.boot != j.boot {
				t.Errorf("%d bytes: got %v", n, got)
			}
		}
	}
}

// What it costs that results survive a power loss: the journal, against a sync
// of each file and directory of a result.
func BenchmarkDurable(b *testing.B) {
	for name, after := range map[string]func(s *Store, r Realization) error{
		"journal": func(*Store, Realization) error { return nil },
		"fsync":   syncFiles,
	} {
		b.Run(name, func(b *testing.B) { benchmarkDurable(b, after) })
	}
}

func benchmarkDurable(b *testing.B, after func(*Store, Realization) error) {
	s, err := Open(b.TempDir() + "/store")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { removeAll(s.Dir()) })
	if err := s.Hold(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	dref, err := addDerivation(s, Derivation{Name: "a", Kind: ActionRun})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		st, err := s.Stage()
		if err != nil {
			b.Fatal(err)
		}
		err = errors.Join(os.Mkdir(st.Out(), 0o777), os.WriteFile(st.Out()+"/file", fmt.Append(nil, i), 0o666))
		if _, freezeErr := st.Freeze(nil); err != nil || freezeErr != nil {
			b.Fatal(err, freezeErr)
		}
		r, _, err := st.Commit(dref, nil, Origin{Action: HashOf(fmt.Append(nil, i))})
		if err := errors.Join(err, st.Abort(), after(s, r)); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // with the sync of the journal
		b.Fatal(err)
	}
}

// syncFiles does what would be needed without a journal.
func syncFiles(s *Store, r Realization) error {
	tree := s.TreePath(r.Tree)
	for _, path := range []string{tree + "/file", tree, s.join("tree"), s.recordPath(r.Ref), s.drvDir(r.Ref.dref), s.indexPath(r.Action)} {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
