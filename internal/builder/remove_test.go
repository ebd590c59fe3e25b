package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func mustRemove(t *testing.T, dir string) {
	t.Helper()
	if err := Remove(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestRemoveNothing(t *testing.T) {
	mustRemove(t, t.TempDir()+"/none")
	mustRemove(t, t.TempDir())
}

func TestRemoveModes(t *testing.T) {
	a := newAction(t, `
mkdir -p a/b/c "$out/d" tmp; echo x > a/b/c/f; echo y > "$out/d/f"; mkfifo a/fifo
ln -s / a/root; ln -s . a/b/loop; ln -s nowhere "$out/dangling"
chmod 0 a/b/c/f a/b/c a/b a "$out/d/f" "$out/d" "$out" .`)
	a.Inputs = map[string]Input{"x": {Items: []Item{{Dir: makeTree(t, map[string]string{"s/f": ""})}}}}
	mustRun(t, a)
	mustRemove(t, a.Dir)
}

func TestRemoveFollowsNoLink(t *testing.T) {
	kept := makeTree(t, map[string]string{"f": "text", "d/g": "text"})
	before := listTree(t, kept)
	dir := makeTree(t, map[string]string{"link": "->" + kept, "sub/link": "->" + kept + "/d", "sub/file": "->" + kept + "/f"})
	mustRemove(t, dir)
	link := t.TempDir() + "/link"
	if err := os.Symlink(kept, link); err != nil {
		t.Fatal(err)
	}
	mustRemove(t, link)
	if after := listTree(t, kept); after != before {
		t.Errorf("there is left\n%s", after)
	}
}

// The path of the deepest directory is ten times as long as the system lets
// a path be, and no name that is moved up is free.
func TestRemoveDeep(t *testing.T) {
	top := t.TempDir() + "/top"
	if err := os.Mkdir(top, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".lifted-1", ".lifted-2", ".lifted-3"} {
		if err := os.WriteFile(top+"/"+name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	at, err := unix.Open(top, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("n", 200)
	for range 400 {
		if err := unix.Mkdirat(at, "beside", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mkdirat(at, name, 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Fchmod(at, 0o500); err != nil {
			t.Fatal(err)
		}
		unix.Close(at)
		at = below
	}
	unix.Close(at)
	mustRemove(t, top)
}

func TestRemoveWide(t *testing.T) {
	dir := t.TempDir()
	for i := range 3000 {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, i), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustRemove(t, dir)
}

func TestRemoveReportsErrors(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may remove everything")
	}
	dir := makeTree(t, map[string]string{"closed/d/f": ""}) + "/closed"
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	err := Remove(dir + "/d")
	if err == nil || !strings.HasPrefix(err.Error(), "remove "+dir+"/d: ") || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
