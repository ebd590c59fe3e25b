package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"plx/internal/builder"
	"plx/internal/ui"
)

func (a *app) doctorCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Report on the store, isolation, disk and versions",
		Long: `Looks at what plx depends on, and reports a line for each: ok; note, which works
but could be better; or bad, which will make something fail. What to do about it
follows. The exit status is 1 if anything is bad. Nothing is written, and no
result is read: plx verify does that.`,
		Example: `  plx doctor
  plx doctor --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.doctor(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// A finding is a line of the report.
type finding struct {
	State  string `json:"state"` // ok, note or bad
	About  string `json:"about"`
	Text   string `json:"text"`
	Remedy string `json:"remedy"`
}

// errUnwell says that something is bad.
var errUnwell = errors.New("something is bad: see above")

func (a *app) doctor(asJSON bool) error {
	dir, err := a.storePath()
	if err != nil {
		return err
	}
	findings := slices.Concat(versions(), a.storeFindings(dir), diskFindings(dir), isolationFindings(dir))
	bad := slices.ContainsFunc(findings, func(f finding) bool { return f.State == "bad" })
	if asJSON {
		err = a.resultJSON(map[string]any{"findings": findings, "well": !bad})
	} else {
		err = a.result(findingLines(findings)...)
	}
	if err == nil && bad {
		err = errUnwell
	}
	return err
}

// findingLines writes the report.
func findingLines(findings []finding) []string {
	var t ui.Table
	for _, f := range findings {
		t.Add(f.State, f.About, f.Text)
		if f.Remedy != "" {
			t.Add("", "", "→ "+f.Remedy)
		}
	}
	return t.Lines(0)
}

func versions() []finding {
	kernel := runtime.GOOS
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	return []finding{{"ok", "versions", fmt.Sprintf("plx %s, %s/%s, %s, built with %s", version(), runtime.GOOS, runtime.GOARCH, kernel, runtime.Version()), ""}}
}

// storeFindings reports on the store.
func (a *app) storeFindings(dir string) []finding {
	s, err := a.openStore()
	if err != nil {
		return []finding{{"bad", "store", err.Error(), "--store or PLX_STORE names another"}}
	}
	defer s.Close()
	h, err := s.Health()
	switch {
	case err != nil:
		return []finding{{"bad", "store", fmt.Sprintf("%s: %v", dir, err), "plx verify tells more; --store or PLX_STORE names another"}}
	case h.Format == 0:
		return []finding{{"note", "store", dir + ": there is none yet", "plx realize makes it"}}
	}
	all := []finding{{"ok", "store", fmt.Sprintf("%s: format %d, %s, %s", dir, h.Format, count(h.Derivations, "derivation"), count(h.Roots, "root")), ""}}
	if h.ReadOnly {
		all = append(all, finding{"note", "store", "it can't be written to", "what is there can be used; to make results, use another store, or have its permissions changed"})
	}
	if h.Format < h.Newest {
		all = append(all, finding{"note", "store", fmt.Sprintf("its format is older than %d", h.Newest), "the next command that writes brings it up to date"})
	}
	if h.Stale > 0 {
		all = append(all, finding{"note", "store", count(h.Stale, "root") + " of projects or links that are gone", "plx root ls lists them, and plx gc drops them"})
	}
	if h.Left > 0 {
		all = append(all, finding{"note", "store", "left by failed builds or ended processes: " + count(h.Left, "directory"), "plx gc removes them"})
	}
	return all
}

// Less than this is little room.
const (
	littleRoom  = 1 << 30 // bytes
	littleShare = 20      // one part of so many of the disk
)

// diskFindings reports on the disk of the store.
func diskFindings(dir string) []finding {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return []finding{{"bad", "disk", fmt.Sprintf("%s: %v", dir, err), ""}}
	}
	free, all := int64(disk.Bavail)*int64(disk.Bsize), int64(disk.Blocks)*int64(disk.Bsize)
	room := finding{"ok", "disk", fmt.Sprintf("%s of %s are free", size(free), size(all)), ""}
	switch {
	case free < fullDisk:
		room.State, room.Remedy = "bad", "make room, or run plx gc"
	case free < littleRoom || free < all/littleShare:
		room.State, room.Remedy = "note", "plx gc --dry-run tells how much plx could free"
	}
	if disk.Files > 0 && disk.Ffree < disk.Files/littleShare {
		return []finding{room, {"note", "disk", fmt.Sprintf("%d files more can be made, of %d", disk.Ffree, disk.Files), "plx gc frees some; a result of many small files is better one archive"}}
	}
	return []finding{room}
}

// isolationFindings reports on what keeps commands apart.
func isolationFindings(dir string) []finding {
	if os.Getenv("PLX_SANDBOX") == string(builder.Off) {
		return []finding{{"note", "isolation", "PLX_SANDBOX turns it off: commands can read and write what you can", "unset PLX_SANDBOX"}}
	}
	box := &builder.Sandbox{Mode: builder.Auto}
	defer box.Close()
	if _, err := os.Stat(dir); err != nil {
		dir = os.TempDir()
	}
	have, lacking := box.Probe(dir)
	if lacking != nil {
		return []finding{{"note", "isolation", "no more than " + have, lacking.Error()}}
	}
	return []finding{{"ok", "isolation", have, ""}}
}
