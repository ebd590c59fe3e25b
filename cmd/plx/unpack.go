package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

type unpackFlags struct {
	link string
	list bool
	json bool
}

func (a *app) unpackCmd() *cobra.Command {
	var f unpackFlags
	cmd := &cobra.Command{
		Use:   "unpack [flags] [FILE…]",
		Short: "Add the results in an archive to the store",
		Long: `Adds what plx pack has packed, from stdin or from files. The references are the
same here as there, and those that were packed are printed, one a line.

All of an archive is checked while it is read, and nothing is seen of it before
it has come to its end and is sound: one that is damaged, cut off or made to do
harm is refused (exit status 4). After an interruption the same command goes on:
trees that are there are not written again. A realization that is there keeps its
record.

What was unpacked is removed by plx gc if no root keeps it: give -o, use
plx root add, or have a project here whose plan has the same stages.`,
		Example: `  plx unpack < report.plx
  plx unpack report.plx -o report
  ssh host plx pack report | plx unpack
  plx unpack --list report.plx`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.unpack(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.link, "link", "o", "", "make `link` a symlink to the result, which is kept for as long as the link is there (several: link-1, link-2, …)")
	flags.BoolVarP(&f.list, "list", "l", false, "add nothing: print what the archive says that it holds")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) unpack(ctx context.Context, f unpackFlags, files []string) error {
	if f.list && f.link != "" {
		return &usageError{"unpack --list adds nothing that -o could lead to"}
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	if isTerminal(a.stdin) && slices.Contains(files, "-") {
		return &usageError{"unpack: stdin is a terminal: give a file, or pipe plx pack to it"}
	}
	if f.list {
		return a.listArchives(ctx, f, files)
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if slices.Contains(files, "-") { // what comes through a pipe may take its time
		if err := a.awaitInput(ctx); err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
	}
	if err := a.hold(ctx, s); err != nil {
		return err
	}
	l, err := a.unpackAll(ctx, s, files)
	if err != nil {
		return err
	}
	return a.printUnpacked(s, l, f)
}

// unpackAll adds what archives hold, and returns what that is.
func (a *app) unpackAll(ctx context.Context, s *store.Store, files []string) (l store.Listing, err error) {
	defer a.meter(s)()
	for _, file := range files {
		more, err := a.readArchive(ctx, file, s.Unpack)
		if err != nil {
			return l, err
		}
		a.say("unpacked %s", listingText(more))
		l.Add(more)
	}
	return l, nil
}

// awaitInput waits for the first byte of stdin.
func (a *app) awaitInput(ctx context.Context) error {
	begun, come := bufio.NewReader(a.stdin), make(chan error, 1)
	a.stdin = begun
	go func() {
		_, err := begun.Peek(1)
		come <- err
	}()
	select {
	case <-ctx.Done(): // the goroutine ends with the process
		return context.Cause(ctx)
	case err := <-come:
		if errors.Is(err, io.EOF) {
			return nil // to be told as what it is
		}
		return err
	}
}

// readArchive reads an archive from a file, or from stdin if that is "-".
func (a *app) readArchive(ctx context.Context, file string, read func(context.Context, io.Reader) (store.Listing, error)) (store.Listing, error) {
	if file == "-" {
		return read(ctx, a.stdin)
	}
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return store.Listing{}, &notFoundError{fmt.Sprintf("%s: there is no such file", file)}
	}
	if err != nil {
		return store.Listing{}, err
	}
	defer f.Close()
	l, err := read(ctx, f)
	if is[*store.PackError](err) {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return l, err
}

func (a *app) listArchives(ctx context.Context, f unpackFlags, files []string) error {
	var l store.Listing
	for _, file := range files {
		more, err := a.readArchive(ctx, file, store.ReadListing)
		if err != nil {
			return err
		}
		l.Add(more)
	}
	return a.printListing(l, f.json)
}

// printUnpacked makes the links, prints the references, and says what plx gc
// would take.
func (a *app) printUnpacked(s *store.Store, l store.Listing, f unpackFlags) error {
	if err := makeLinks(s, f.link, l.Targets); err != nil {
		return err
	}
	roots, err := s.Roots()
	if err != nil {
		return err
	}
	loose := slices.DeleteFunc(slices.Clone(l.Targets), func(ref store.RRef) bool {
		return slices.ContainsFunc(roots, func(r store.Root) bool {
			return slices.Contains(r.RRefs, ref) || slices.Contains(r.DRefs, ref.DRef())
		})
	})
	if len(loose) > 0 {
		a.say("no root keeps %s: the next plx gc removes what plx root add, or -o LINK here, doesn't keep", count(len(loose), "result"))
	}
	if f.json {
		return a.resultJSON(newListingJSON(l))
	}
	return a.result(texts(l.Targets)...)
}
