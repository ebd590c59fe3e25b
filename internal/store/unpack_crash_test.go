package store

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// packedForRole is the archive that the processes of TestUnpackKilled unpack.
const packedForRole = "PLX_STORE_ARCHIVE"

// unpackRole unpacks an archive, and kills itself on the way: PLX_STORE_FUSE
// says when.
func unpackRole(dir string) error {
	archive, err := os.ReadFile(os.Getenv(packedForRole))
	if err != nil {
		return err
	}
	fuse, err := time.ParseDuration(os.Getenv("PLX_STORE_FUSE"))
	if err != nil {
		return err
	}
	time.AfterFunc(fuse, func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	return unpackInto(dir, archive)
}

func unpackInto(dir string, archive []byte) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	if err := s.Hold(context.Background(), nil); err != nil {
		return err
	}
	if _, err := s.Unpack(context.Background(), bytes.NewReader(archive)); err != nil {
		return err
	}
	return s.Close()
}

// A process that is killed while it unpacks, wherever that is, leaves a sound
// store, and the next one comes to the same end.
func TestUnpackKilled(t *testing.T) {
	const steps = 15
	dir := tempDir(t)
	from := held(t)
	r := packable(t, from)
	archive := packed(t, from, r.Ref)
	if err := os.WriteFile(dir+"/archive", archive, 0o666); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := unpackInto(dir+"/trial", archive); err != nil {
		t.Fatal(err)
	}
	took, killed := time.Since(began), 0
	for i := range steps {
		path := dir + "/" + string(rune('a'+i))
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PLX_STORE_ROLE=unpack", "PLX_STORE_DIR="+path, packedForRole+"="+dir+"/archive", "PLX_STORE_FUSE="+(took*time.Duration(i)/steps).String())
		if cmd.Run() != nil {
			killed++
		}
		s := open(t, path)
		checkSound(t, s)
		hold(t, s)
		unpacked(t, s, archive)
		checkSound(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		collectRooted(t, s, r.Ref)
		sameObjects(t, storedObjects(t, s), storedObjects(t, from))
		if names, err := dirNames(s.join("tmp")); err != nil || len(names) != 0 {
			t.Errorf("%d: left in tmp: %q, %v", i, names, err)
		}
	}
	if killed < steps/4 {
		t.Errorf("only %d of %d were killed", killed, steps)
	}
}

// collectRooted runs gc with the realization as a root.
func collectRooted(t *testing.T, s *Store, ref RRef) {
	t.Helper()
	hold(t, s)
	if _, err := s.AddRoot("all", ref.String()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	collect(t, s, GCOptions{})
}

// Two processes that unpack the same at once both succeed.
func TestUnpackTwice(t *testing.T) {
	dir := tempDir(t)
	from := held(t)
	archive := packed(t, from, packable(t, from).Ref)
	errs := make(chan error)
	for range 4 {
		go func() { errs <- unpackInto(dir+"/store", archive) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	s := open(t, dir+"/store")
	checkSound(t, s)
	sameObjects(t, storedObjects(t, s), storedObjects(t, from))
}

// FuzzUnpack changes an archive without its compression, whose checksum would
// refuse nearly all. Whatever comes, nothing panics and the store stays sound;
// what is taken packs again, and that is taken as well.
func FuzzUnpack(f *testing.F) {
	for path := range packVectors {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plain(f, data))
	}
	data, err := os.ReadFile("testdata/pack/sort.plx")
	if err != nil {
		f.Fatal(err)
	}
	tarred := plain(f, data)
	f.Add(tarred[:len(tarred)-tarEnd])
	f.Add(bytes.Replace(tarred, []byte("\nf\t"), []byte("\nx\t"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := held(t)
		p := plainReader(t.Context(), bytes.NewReader(data))
		err := p.readListing()
		if err == nil {
			err = s.unpack(p)
		}
		checkSound(t, s)
		if err != nil {
			return
		}
		l := unpacked(t, held(t), packed(t, s, p.listed.Targets...))
		if len(l.Targets) != len(p.listed.Targets) {
			t.Errorf("got %v, want %v", l.Targets, p.listed.Targets)
		}
	})
}
