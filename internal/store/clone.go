package store

import "os"

// Clone makes dst, which is empty, share the blocks of src. The error is the
// file system's, if it can't.
func Clone(dst, src *os.File) error { return cloneFile(int(dst.Fd()), int(src.Fd())) }
