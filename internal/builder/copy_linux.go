package builder

import "golang.org/x/sys/unix"

// share makes the empty file out consist of the blocks of in, and reports
// whether the file system can do that.
func share(out, in int) bool { return unix.IoctlFileClone(out, in) == nil }

// transfer copies up to n bytes from where in is to where out is, without
// bringing them here. It returns 0 if the kernel can't do that.
func transfer(out, in, n int) int {
	n, err := again(func() (int, error) { return unix.CopyFileRange(in, nil, out, nil, n, 0) })
	if err != nil {
		return 0 // whatever it is, writing says it better
	}
	return n
}
