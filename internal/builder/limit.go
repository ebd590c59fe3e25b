package builder

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Limits bound a command. What is 0 is no bound.
type Limits struct {
	Timeout   time.Duration // how long it may take
	MaxSilent time.Duration // how long it may print nothing
	MaxLog    int64         // how much it may add to its log, in bytes
	MaxOutput int64         // how large out may be, and how much room it may take elsewhere in its build directory, in bytes
	Memory    int64         // how much memory it may have, in bytes; with [Action].Cgroups
	PIDs      int64         // how many processes and threads it may have; likewise
}

// The keys of limits in a stage file.
const (
	maxLog    = "max-log"
	maxOutput = "max-output"
	maxBeside = "max-output beside $out" // the same, of what is not in out
	maxMemory = "memory"
)

const (
	// logPause is how often the log is looked at: one system call.
	logPause = 200 * time.Millisecond

	// outputPause is how often out is looked at. outputShare is how much
	// longer than looking the pause is at least, so that looking at a million
	// files takes no more than a twentieth of a core.
	outputPause = 500 * time.Millisecond
	outputShare = 20

	// never is a pause for where nothing is to be looked at.
	never = 1 << 62
)

// A watch is what is known of a command that has limits while it runs.
type watch struct {
	build
	started time.Time
	still   time.Duration // how long commands had been stopped by then

	log      fs.FileInfo   // when it was last looked at
	spoke    time.Duration // when that last changed
	measured time.Duration // when out was last measured
	measure  time.Duration // how long to wait for the next time
	laid     int64         // what lay beside out at the beginning
}

// watch begins to watch the command, which has just been started.
func (b build) watch() (*watch, error) {
	w := &watch{build: b, started: time.Now(), still: b.Control.stoodStill(), measure: outputPause}
	if b.MaxOutput > 0 {
		w.laid = b.beside(math.MaxInt64)
	}
	if b.Log == nil || b.MaxSilent == 0 && b.MaxLog == 0 {
		return w, nil
	}
	var err error
	w.log, err = b.Log.Stat()
	return w, err
}

// now returns how long the command has run, without the time when it was
// stopped together with plx.
func (w *watch) now() time.Duration {
	return time.Since(w.started) - (w.Control.stoodStill() - w.still)
}

// pause returns how long nothing needs to be looked at.
func (w *watch) pause() time.Duration {
	now, pause := w.now(), time.Duration(never)
	if w.Timeout > 0 {
		pause = min(pause, w.Timeout-now)
	}
	if w.log != nil && w.MaxSilent > 0 {
		pause = min(pause, w.spoke+w.MaxSilent-now, max(w.MaxSilent/10, time.Millisecond))
	}
	if w.log != nil && w.MaxLog > 0 {
		pause = min(pause, logPause)
	}
	if w.MaxOutput > 0 {
		pause = min(pause, w.measured+w.measure-now)
	}
	return max(pause, time.Millisecond)
}

// look returns an error if the command has passed a limit.
func (w *watch) look() error {
	now := w.now()
	if w.Timeout > 0 && now >= w.Timeout {
		return &TimeoutError{After: w.Timeout}
	}
	if err := w.lookAtLog(now); err != nil {
		return err
	}
	if w.MaxOutput == 0 || now-w.measured < w.measure {
		return nil
	}
	size, beside := sizeBelow(w.out(), w.MaxOutput), w.beside(w.laid+w.MaxOutput)-w.laid
	w.measured = w.now()
	w.measure = max(outputPause, outputShare*(w.measured-now))
	switch {
	case size > w.MaxOutput:
		return &LimitError{maxOutput, w.MaxOutput, size}
	case beside > w.MaxOutput:
		return &LimitError{maxBeside, w.MaxOutput, beside}
	}
	return nil
}

// beside returns how much room is taken in the build directory by what lies
// neither in out nor in an input, in bytes; once it is more than most it may be
// any number above that. Of a file with holes, as a database makes one, only
// what is there counts: it is lost anyway.
func (b build) beside(most int64) (sum int64) {
	entries, _ := os.ReadDir(b.Dir)
	for _, e := range entries {
		dir := b.Dir + "/" + e.Name()
		if !slices.Contains([]string{b.out(), b.in(), b.carry()}, dir) {
			sum += sumBelow(dir, most-sum, room)
		}
	}
	return sum
}

// room returns how much of a file lies on the disk, in bytes.
func room(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return min(info.Size(), st.Blocks*512) // which is the unit everywhere
	}
	return info.Size()
}

// lookAtLog takes any change of the log for a sign of life: a command may have
// shortened it.
func (w *watch) lookAtLog(now time.Duration) error {
	if w.log == nil {
		return nil
	}
	info, err := w.Log.Stat()
	if err != nil {
		return err
	}
	if info.Size() != w.log.Size() || !info.ModTime().Equal(w.log.ModTime()) {
		w.log, w.spoke = info, now
	}
	if w.MaxLog > 0 && info.Size()-w.logStart > w.MaxLog {
		return &LimitError{maxLog, w.MaxLog, info.Size() - w.logStart}
	}
	if w.MaxSilent > 0 && now-w.spoke >= w.MaxSilent {
		return &TimeoutError{After: w.MaxSilent, Silent: true}
	}
	return nil
}

// final returns an error if the command, which has ended, has left more than
// it may.
func (b build) final() error {
	if b.Log != nil && b.MaxLog > 0 {
		info, err := b.Log.Stat()
		if err != nil {
			return err
		}
		if size := info.Size() - b.logStart; size > b.MaxLog {
			return &LimitError{maxLog, b.MaxLog, size}
		}
	}
	if b.MaxOutput == 0 || b.Result != "" {
		return nil
	}
	if size := sizeBelow(b.out(), b.MaxOutput); size > b.MaxOutput {
		return &LimitError{maxOutput, b.MaxOutput, size}
	}
	return nil
}

// cutLog takes away what is in the log beyond the limit.
func (b build) cutLog() error {
	if b.Log == nil || b.MaxLog == 0 {
		return nil
	}
	info, err := b.Log.Stat()
	if err != nil || info.Size()-b.logStart <= b.MaxLog {
		return err
	}
	if err := b.Log.Truncate(b.logStart + b.MaxLog); err != nil {
		return err
	}
	_, err = b.Log.Seek(0, 2)
	return err
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// sizeBelow returns the sum of the sizes of all that is no directory below
// dir, in bytes; once it is more than most it may be any number above that.
// What vanishes meanwhile, or can't be read, has no size.
func sizeBelow(dir string, most int64) int64 { return sumBelow(dir, most, fs.FileInfo.Size) }

// sumBelow is [sizeBelow] with another measure of a file.
func sumBelow(dir string, most int64, of func(fs.FileInfo) int64) int64 {
	var sum int64
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += of(info)
		}
		if sum > most {
			return errEnough
		}
		return nil
	})
	return sum
}

// logSize returns the size of the log, 0 if there is none.
func logSize(log *os.File) (int64, error) {
	if log == nil {
		return 0, nil
	}
	info, err := log.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
