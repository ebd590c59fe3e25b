package plan

// This file brings an answer up to date that holds still: a file was only
// touched, a tree was made beside those that the answer wants. The rules are:
//
//   - What is brought up to date is appended to the answer, so that a small
//     change of a large answer costs little. The last word counts.
//
//   - An update has its length before it, and ends with a hash of the answer's
//     own and of it: it is about this answer, whole, or it isn't there. What
//     follows a damaged one isn't, either.
//
//   - Where one is damaged, or they have become many, the answer is written anew.

import (
	"encoding/binary"
	"io"
	"os"
	"time"

	"plx/internal/store"
)

// maxUpdates is how many bytes of updates an answer has: reading them takes no
// longer than starting does.
const maxUpdates = 64 << 10

// update returns what is brought up to date since a was read.
func (a *Answer) update() []byte {
	b := binary.AppendVarint(nil, a.used.UnixNano())
	b = a.evidence.AppendRenewed(b)
	b = a.record.AppendRenewed(b)
	b = a.basis.AppendRenewed(b)
	b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
	return append(b, a.updateSum(b)...)
}

// updateSum is what an update of a ends with.
func (a *Answer) updateSum(update []byte) string {
	return store.HashOf(append([]byte(a.sum), update...)).String()
}

// renew notes what is brought up to date in the file of a.
func (a *Answer) renew() error {
	update := a.update()
	if a.updates < 0 || a.updates+int64(len(update)) > maxUpdates {
		if err := a.readPlan(); err != nil {
			return err
		}
		return a.write()
	}
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(update); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// readUpdates reads the updates, which begin at the place in the file.
func (a *Answer) readUpdates(f *os.File, size, place int64) {
	a.updates = size - place
	if a.updates == 0 {
		return
	}
	if a.updates < 0 || a.updates > maxUpdates {
		a.updates = -1
		return
	}
	data := make([]byte, a.updates)
	if _, err := f.ReadAt(data, place); err != nil && err != io.EOF || !a.takeUpdates(data) {
		a.updates = -1
	}
}

// takeUpdates takes them over, up to the first that is damaged. It reports
// whether none is.
func (a *Answer) takeUpdates(data []byte) bool {
	const head = 4
	for len(data) > 0 {
		if len(data) < head {
			return false
		}
		end := head + uint64(binary.BigEndian.Uint32(data))
		if end+answerSum > uint64(len(data)) || a.updateSum(data[:end]) != string(data[end:end+answerSum]) {
			return false
		}
		if !a.take(string(data[head:end])) {
			return false
		}
		data = data[end+answerSum:]
	}
	return true
}

// take takes an update over.
func (a *Answer) take(update string) bool {
	r := memoReader{rest: update}
	used := r.varint()
	rest, ok := a.evidence.Renew(r.rest)
	if !ok || r.bad {
		return false
	}
	if rest, ok = a.record.Renew(rest); !ok {
		return false
	}
	if rest, ok = a.basis.Renew(rest); !ok || rest != "" {
		return false
	}
	a.used = time.Unix(0, used)
	return true
}
