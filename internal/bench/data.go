package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// The shapes of the work on data, and what they hold: bytes that don't compress.
const (
	oneFile    = "one file"
	smallFiles = "small files"

	largeFile      = 1 << 30 // bytes
	manySmallFiles = 20000
	smallFile      = 8 << 10 // bytes: the size of the files is anything below
	filesInDir     = 200

	deadResults = 3000
)

// The runs of the work on data.
const (
	addRun    = "add"
	againRun  = "the same again"
	verifyRun = "verify"
	packRun   = "pack"
	unpackRun = "unpack"
	gcRun     = "gc"
)

// data measures the work on data.
func (b *bench) data() error {
	if err := b.dataOf(oneFile, 1, writeLargeFile); err != nil {
		return err
	}
	if err := b.dataOf(smallFiles, manySmallFiles, writeSmallFiles); err != nil {
		return err
	}
	return b.gc()
}

// random are bytes that are the same each time.
func random() *rand.ChaCha8 {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], 1)
	return rand.NewChaCha8(seed)
}

func writeLargeFile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(f, random(), largeFile); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func writeSmallFiles(path string) error {
	bytes := random()
	sizes := rand.New(bytes)
	content := make([]byte, smallFile)
	for i := range manySmallFiles {
		dir := filepath.Join(path, fmt.Sprint("dir", i/filesInDir))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		part := content[:sizes.IntN(smallFile)]
		bytes.Read(part)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("file", i)), part, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// dataOf measures one shape: a file or a directory named data.
func (b *bench) dataOf(shape string, n int, write func(path string) error) error {
	dir := filepath.Join(b.options.dir, "data-"+strconv.Itoa(n))
	var clear clearer = b.clearing
	if n == 1 {
		clear = removing
		defer remove(dir)
	}
	if err := plxProject(dir, "[stage.data]\nimport = \"data\"\n"); err != nil {
		return err
	}
	if err := write(filepath.Join(dir, "data")); err != nil {
		return err
	}
	if err := listFiles(dir); err != nil {
		return err
	}
	k := key{Work: "data", Shape: shape, N: n}
	for _, run := range []struct {
		name   string
		trials []trial
	}{
		{addRun, b.adds(dir, clear)}, {againRun, b.agains(dir)}, {verifyRun, b.verifies(dir)}, {packRun, b.packs(dir)}, {unpackRun, b.unpacks(dir, clear)},
	} {
		k.Run = run.name
		if run.name == againRun {
			time.Sleep(settle)
		}
		if err := b.trials(k, run.trials...); err != nil {
			return err
		}
	}
	return nil
}

// listFiles writes the names of the files of data, for xargs -0.
func listFiles(dir string) error {
	f, err := os.Create(filepath.Join(dir, "list"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = w.WriteString(path + "\x00")
		}
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// hash reads all files of data, in as few calls of the program as can be.
func hash(program string) string { return "xargs -0 -s 1500000 " + program + " < list" }

// The tools at the work on data that bars name.
const (
	cpB3sum    = "cp; b3sum"
	cpSync     = "cp -r; sync"
	findPrintf = "find -printf"
	b3sumAll   = "b3sum"
	b3sumOne   = "b3sum on 1 thread"
	rmTool     = "rm -rf"
)

// dataToolNames are the names of the others at the work on data.
func dataToolNames() []string {
	return []string{cpB3sum, cpSync, "cp -r; sync; b3sum", "rsync -a", "tar", "tar --zstd", findPrintf, b3sumAll, b3sumOne, "sha256sum", rmTool}
}

// A clearer makes room for what a run makes.
type clearer func(dir string, names ...string) func() error

func (b *bench) adds(dir string, clear clearer) []trial {
	clean := clear(dir, "copy", "copy.tar")
	return []trial{
		b.plxTrial(dir, "realize", "stage.toml").after(clear(dir, "store", ".plx")),
		b.shell(dir, cpB3sum, "cp -r data copy && "+hash("b3sum"), "cp", "b3sum").after(clean),
		b.shell(dir, "cp -r; sync; b3sum", "cp -r data copy && sync && "+hash("b3sum"), "cp", "b3sum").after(clean),
		b.shell(dir, cpSync, "cp -r data copy && sync", "cp").after(clean),
		b.shell(dir, "rsync -a", "rsync -a data copy", "rsync").after(clean),
		b.shell(dir, "tar", "tar -cf copy.tar data", "tar").after(clean),
	}
}

func (b *bench) agains(dir string) []trial {
	return []trial{
		b.plxTrial(dir, "realize", "stage.toml"),
		b.shell(dir, findPrintf, `find data -printf '%p %y %s %m %i %T@\n'`, "find"),
		b.shell(dir, "rsync -a", "rsync -a data copy", "rsync"),
	}
}

func (b *bench) verifies(dir string) []trial {
	return []trial{
		b.plxTrial(dir, "verify"),
		b.shell(dir, b3sumAll, hash(fmt.Sprintf("b3sum --num-threads %d", runtime.NumCPU())), "b3sum"),
		b.shell(dir, b3sumOne, hash("b3sum --num-threads 1"), "b3sum"),
		b.shell(dir, "sha256sum", hash("sha256sum"), "sha256sum"),
	}
}

func (b *bench) packs(dir string) []trial {
	return []trial{
		b.plxTrial(dir, "pack", "data", "-o", "data.plx").after(removing(dir, "data.plx")),
		b.shell(dir, "tar", "tar -cf data.tar data", "tar").after(removing(dir, "data.tar")),
		b.shell(dir, "tar --zstd", "tar --zstd -cf data.tar.zst data", "tar", "zstd").after(removing(dir, "data.tar.zst")),
	}
}

func (b *bench) unpacks(dir string, clear clearer) []trial {
	plx := b.plxTrial(dir, "unpack", "data.plx", "--store", "unpacked")
	return []trial{
		plx.after(clear(dir, "unpacked")),
		b.shell(dir, "tar", "mkdir copy && tar -xf data.tar -C copy", "tar").after(clear(dir, "copy")),
		b.shell(dir, "tar --zstd", "mkdir copy && tar --zstd -xf data.tar.zst -C copy", "tar", "zstd").after(clear(dir, "copy")),
	}
}

// gc measures how long it takes until results are gone that no project needs:
// by plx, and by rm, which is given such a store as a whole.
func (b *bench) gc() error {
	dir := filepath.Join(b.options.dir, "gc")
	collect := b.plxTrial(dir, "gc", "--yes").after(func() error { return b.deadStore(dir) })
	rm := b.shell(dir, rmTool, "rm -rf store", "rm").after(func() error {
		if err := b.deadStore(dir); err != nil {
			return err
		}
		_, err := b.shell(dir, "", "chmod -R u+w store").cmd.run(b.ctx, time.Hour)
		return err
	})
	collect.cold, rm.cold = true, true
	return b.trials(key{Work: "data", Shape: "dead results", N: deadResults, Run: gcRun}, collect, rm)
}

// deadStore makes a store anew, of whose results no project is left.
func (b *bench) deadStore(dir string) error {
	if err := b.aside(filepath.Join(dir, "store")); err != nil {
		return err
	}
	project := filepath.Join(dir, "project")
	if err := plxProject(project, plxFile(work{fanOut, deadResults})); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(project, sourceFile), []byte(source("as it was", "as it was")), 0o666); err != nil {
		return err
	}
	build := b.plxTrial(project, "realize", "--sandbox=off", "-j2", "stage.toml").cmd
	build.env = b.environment(dir, plxEnv(dir)...)
	if _, err := build.run(b.ctx, time.Hour); err != nil {
		return err
	}
	return remove(project)
}
