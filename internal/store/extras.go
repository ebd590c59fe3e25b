package store

import (
	"errors"
	"io/fs"
	"os"
)

// Extras are what belongs to a realization beside its tree: paths in tmp where
// there may be a log and a directory of volatile outputs.
type extras struct{ log, volatile string }

// dropExtras removes a log and volatile outputs without a record: what a killed
// process has left.
func (s *Store) dropExtras(ref RRef) error {
	return errors.Join(s.drop(s.LogPath(ref)), s.drop(s.VolatilePath(ref)))
}

// placeExtras moves the log and the volatile outputs to their places, where
// there are none.
func (s *Store) placeExtras(r Realization, x extras) error {
	if err := placeLog(x.log, s.LogPath(r.Ref)); err != nil {
		return err
	}
	if len(r.Volatile) == 0 {
		return nil
	}
	to := s.VolatilePath(r.Ref)
	return errors.Join(os.Chmod(x.volatile, 0o755), os.Rename(x.volatile, to), os.Chmod(to, 0o555))
}

// placeLog moves a log to its place, unless there is none, or nothing in it.
func placeLog(from, to string) error {
	if from == "" {
		return nil
	}
	info, err := os.Lstat(from)
	if err == nil && info.Size() > 0 {
		err = errors.Join(os.Chmod(from, 0o444), os.Rename(from, to))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyExtras makes copies of the log and the volatile outputs, in tmp.
func (s *Store) copyExtras(from Realization) (extras, error) {
	dir, err := s.makeDir("extras")
	if err != nil {
		return extras{}, err
	}
	x := extras{log: dir + "/log", volatile: dir + "/volatile"}
	err = copyFile(s.LogPath(from.Ref), x.log, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return x, err
	}
	if len(from.Volatile) == 0 {
		return x, nil
	}
	m, err := (&scanner{top: s.VolatilePath(from.Ref)}).scan()
	if err != nil {
		return x, err
	}
	if err := os.Mkdir(x.volatile, 0o777); err != nil {
		return x, err
	}
	if err := copyTree(s.VolatilePath(from.Ref), m, x.volatile); err != nil {
		return x, err
	}
	_, err = (&scanner{top: x.volatile, freeze: true}).scan()
	return x, err
}

// hash returns the hash of what x contains, as of a tree that has the log as a
// file log and the volatile outputs in a directory volatile; zero if there is
// nothing.
func (x extras) hash() (Hash, error) {
	sc := &scanner{top: x.volatile}
	if x.volatile != "" {
		if err := sc.dir(""); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Hash{}, err
		}
	}
	var entries []Entry
	if len(sc.entries) > 0 {
		entries = append(entries, Entry{Path: "volatile", Kind: KindDir})
	}
	for _, e := range sc.entries {
		e.Path = "volatile/" + e.Path
		entries = append(entries, e)
	}
	if x.log == "" {
		return besideHash(entries)
	}
	f, err := os.Open(x.log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Hash{}, err
	}
	if err == nil {
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return Hash{}, err
		}
		log, err := sc.hash.read(f, info.Size())
		if err != nil {
			return Hash{}, err
		}
		if log.bytes > 0 { // an empty one is not kept
			entries = append(entries, Entry{Path: "log", Kind: KindFile, Size: log.bytes, Digest: log.digest})
		}
	}
	return besideHash(entries)
}

func besideHash(entries []Entry) (Hash, error) {
	if entries == nil {
		return Hash{}, nil
	}
	m, err := NewManifest(entries)
	return m.Hash(), err
}

// beside returns where what belongs to a realization is, beside its tree.
func (s *Store) beside(ref RRef) extras { return extras{s.LogPath(ref), s.VolatilePath(ref)} }

// checkBeside reads the log and the volatile outputs of a realization. The
// error is a [DamageError] if they are not what the record tells.
func (s *Store) checkBeside(r Realization) error {
	if r.Beside.IsZero() {
		return nil
	}
	have, err := s.beside(r.Ref).hash()
	var bad *TreeError
	switch {
	case errors.As(err, &bad):
		return &DamageError{s.LogPath(r.Ref), err}
	case err != nil:
		return err
	case have != r.Beside:
		return &DamageError{s.LogPath(r.Ref), errors.New("the log, or a volatile output, holds something else")}
	}
	return nil
}
