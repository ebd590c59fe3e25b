package fetch

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Unpacking says how to unpack. The zero limits are those of plx.
type Unpacking struct {
	Filename   string // of a file that was compressed by itself, in the result
	Strip      int    // how many directories to take away from the names
	MaxSize    int64  // of all files together, in bytes
	MaxEntries int    // files, directories and links together
}

const (
	// defaultMaxSize is what an archive may hold at most where nothing else is
	// said: more than most disks have free, and less than what a bomb has.
	defaultMaxSize = 256 << 30

	// defaultMaxEntries is four times what the largest trees of plx have.
	defaultMaxEntries = 4 << 20

	// maxWindow is how much of a zstd file may be held in memory: what the zstd
	// command allows, too.
	maxWindow = 128 << 20
)

// Unpack makes the files of an archive in dir, an empty directory. Archives
// are tar and zip; a tar, or any one file, may be compressed with gzip, bzip2,
// xz or zstd. Of the modes only the executable bit is kept. The error is an
// [ArchiveError], or ctx's or this machine's.
func Unpack(ctx context.Context, archive, dir string, how Unpacking) error {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer file.Close()
	x, err := newExtractor(ctx, dir, how)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer x.root.Close()
	if err := x.archive(file); err != nil {
		return x.explain(err)
	}
	return x.explain(x.links())
}

// archive finds out what the file is by its first bytes, and unpacks it.
func (x *extractor) archive(file *os.File) error {
	buffered := bufio.NewReaderSize(file, receiveBuffer)
	head, _ := buffered.Peek(tarBlock)
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return x.zip(file)
	case isTar(head):
		return x.tar(tar.NewReader(buffered))
	}
	plain, err := decompressor(head, buffered)
	if err != nil {
		return err
	}
	defer plain.Close()
	inner := bufio.NewReaderSize(plain, receiveBuffer)
	if head, err = inner.Peek(tarBlock); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if isTar(head) {
		return x.tar(tar.NewReader(inner))
	}
	if !fs.ValidPath(x.how.Filename) || x.how.Filename == "." {
		return errors.New("is a compressed file, and no archive: give it a filename")
	}
	return x.file(x.how.Filename, inner, false)
}

// decompressor returns what takes the compression away that a file with this
// beginning has.
func decompressor(head []byte, r io.Reader) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(r)), nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		plain, err := xz.NewReader(r)
		return io.NopCloser(plain), err
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		plain, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return plain.IOReadCloser(), nil
	}
	return nil, errors.New("is no archive that plx can unpack: want tar or zip, or what gzip, bzip2, xz or zstd make")
}

// tarBlock is the size of a tar header, in bytes.
const tarBlock = 512

// isTar reports whether a file that begins so is a tar: its first header has
// the right checksum, which is computed as if it were blanks itself.
func isTar(head []byte) bool {
	if len(head) < tarBlock {
		return false
	}
	const at, size = 148, 8
	sum := int64(size * ' ')
	for i, c := range head {
		if i < at || i >= at+size {
			sum += int64(c)
		}
	}
	var want int64
	if _, err := fmt.Sscanf(string(bytes.Trim(head[at:at+size], " \x00")), "%o", &want); err != nil {
		return false
	}
	return sum == want
}

func (x *extractor) tar(r *tar.Reader) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := x.tarEntry(h, r); err != nil {
			return x.at(h.Name, err)
		}
	}
}

func (x *extractor) tarEntry(h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := x.name(h.Name, h.Typeflag == tar.TypeDir)
	if err != nil || name == "" {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return x.file(name, r, h.Mode&0o100 != 0)
	case tar.TypeDir:
		return x.dir(name)
	case tar.TypeSymlink:
		return x.symlink(name, h.Linkname)
	case tar.TypeLink:
		return x.hardLink(name, h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		return errors.New("is a device")
	case tar.TypeFifo:
		return errors.New("is a FIFO")
	}
	return fmt.Errorf("is of a kind that plx doesn't know: %q", h.Typeflag)
}

func (x *extractor) zip(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	r, err := zip.NewReader(file, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are looked at below
		return err
	}
	for _, f := range r.File {
		if err := x.zipEntry(f); err != nil {
			return x.at(f.Name, err)
		}
	}
	return nil
}

func (x *extractor) zipEntry(f *zip.File) error {
	mode := f.Mode()
	full := slashed(f)
	isDir := mode.IsDir() || strings.HasSuffix(full, "/")
	name, err := x.name(full, isDir)
	if err != nil || name == "" {
		return err
	}
	const encrypted = 1
	switch {
	case f.Flags&encrypted != 0:
		return errors.New("is encrypted")
	case isDir:
		return x.dir(name)
	case mode.Type() != 0 && mode.Type() != os.ModeSymlink:
		return fmt.Errorf("is neither a file, a directory nor a symlink: %v", mode)
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if mode.IsRegular() {
		return x.file(name, r, mode&0o100 != 0)
	}
	target, err := io.ReadAll(io.LimitReader(r, maxTarget+1))
	if err != nil {
		return err
	}
	return x.symlink(name, string(target))
}

// slashed returns the name of an entry, with slashes where a program for
// Windows made it with backslashes in spite of what zip says.
func slashed(f *zip.File) string {
	const unix, macOS = 3, 19
	if by := f.CreatorVersion >> 8; by == unix || by == macOS {
		return f.Name
	}
	return strings.ReplaceAll(f.Name, `\`, "/")
}
