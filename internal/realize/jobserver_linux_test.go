package realize

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/builder"
	"plx/internal/plan"
)

// readJob reads a job as make does, and fails the test if there is none for
// a long time.
func readJob(t *testing.T, j *builder.Jobserver) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(j.Ends()[0].Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 60_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("no job to be had: %v", err)
		}
		break
	}
	if _, err := j.Ends()[0].Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// hasJob reports whether there is a job to be had.
func hasJob(j *builder.Jobserver) bool {
	n, err := unix.IoctlGetInt(int(j.Ends()[0].Fd()), unix.TIOCINQ)
	return err == nil && n > 0
}

func giveBack(t *testing.T, j *builder.Jobserver) {
	t.Helper()
	if _, err := j.Ends()[1].Write([]byte{'+'}); err != nil {
		t.Fatal(err)
	}
}

func openJobserver(t *testing.T, p *pool, own int) *builder.Jobserver {
	t.Helper()
	j, err := builder.NewJobserver(p, own)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// await waits until ok, or until the test runs into its time limit.
func await(ok func() bool) {
	for !ok() {
		time.Sleep(time.Millisecond)
	}
}

// free returns how many slots are free.
func (p *pool) slotsFree() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.free[slots]
}

// TestJobserverLends: a command gets what is free, and no more; what it gives
// back is free again, and what it doesn't when it has ended.
func TestJobserverLends(t *testing.T) {
	p := newPool(4, map[string]int64{plan.CPUs: 8})
	l, _ := p.take(t.Context(), p.wants(nil), nil)
	j := openJobserver(t, p, 0)
	for range 3 {
		readJob(t, j)
	}
	if p.slotsFree() != 0 {
		t.Errorf("%d slots are free", p.slotsFree())
	}
	giveBack(t, j)
	readJob(t, j)
	l.release() // the first command's own slot is lent, too
	readJob(t, j)
	j.Close() // it has died with four
	if err := p.full(); err != nil {
		t.Error(err)
	}
}

// TestJobserverOwn: what a command has taken stays its own.
func TestJobserverOwn(t *testing.T) {
	p := newPool(4, nil)
	l, _ := p.take(t.Context(), p.wants(map[string]int64{plan.CPUs: 4}), nil)
	j := openJobserver(t, p, 3)
	for range 3 {
		readJob(t, j)
	}
	giveBack(t, j)
	readJob(t, j)
	if p.slotsFree() != 0 {
		t.Errorf("%d slots are free", p.slotsFree())
	}
	j.Close()
	l.release()
	if err := p.full(); err != nil {
		t.Error(err)
	}
}

// TestJobserverIsRecalled: what lies in the pipe goes to a command that wants
// to begin; one that has it keeps it until it is done.
func TestJobserverIsRecalled(t *testing.T) {
	p := newPool(3, nil)
	l, _ := p.take(t.Context(), p.wants(nil), nil)
	j := openJobserver(t, p, 0)
	readJob(t, j)
	await(func() bool { return hasJob(j) })
	second, ok := p.take(t.Context(), p.wants(nil), nil)
	if !ok || hasJob(j) {
		t.Error("it was not recalled")
	}
	begun := make(chan *lease)
	go func() {
		third, _ := p.take(t.Context(), p.wants(nil), nil)
		begun <- third
	}()
	await(func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.line) == 1
	})
	giveBack(t, j)
	third := <-begun
	if hasJob(j) {
		t.Error("it has what somebody else took")
	}
	for _, l := range []*lease{l, second, third} {
		l.release()
	}
	j.Close()
	if err := p.full(); err != nil {
		t.Error(err)
	}
}

// TestJobserverIsNotFooled: a command that gives back what it never had gains
// nothing.
func TestJobserverIsNotFooled(t *testing.T) {
	p := newPool(2, nil)
	l, _ := p.take(t.Context(), p.wants(map[string]int64{plan.CPUs: 2}), nil)
	j := openJobserver(t, p, 1)
	for range 100 {
		giveBack(t, j)
	}
	readJob(t, j)
	giveBack(t, j)
	readJob(t, j)
	if hasJob(j) || p.slotsFree() != 0 {
		t.Errorf("it has more than its own; %d slots are free", p.slotsFree())
	}
	j.Close()
	l.release()
	if err := p.full(); err != nil {
		t.Error(err)
	}
}

// TestJobserverClosesFiles: nothing stays open.
func TestJobserverClosesFiles(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	p := newPool(2, nil)
	openJobserver(t, p, 0).Close()
	before := count()
	for range 10 {
		openJobserver(t, p, 1).Close()
	}
	if after := count(); after != before {
		t.Errorf("%d files are open, before there were %d", after, before)
	}
}
