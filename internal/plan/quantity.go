package plan

// Lengths of time and numbers of bytes, as stage files and the command line
// write them.

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// durationText is a number and its unit.
var durationText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(s|m|h|d)$`)

var durationUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// ParseDuration reads a length of time, as in "90s", "15m", "2h", "30d": more
// than nothing.
func ParseDuration(text string) (time.Duration, error) {
	parts := durationText.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf(`%q is no length of time: want a number and s, m, h or d, as in "90s"`, text)
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	length := number * float64(durationUnits[parts[2]])
	if err != nil || length < 1 || length > 1<<62 {
		return 0, fmt.Errorf("%q is out of range: want more than nothing and less than 100 years", text)
	}
	return time.Duration(length), nil
}

// sizeText is a number and its unit.
var sizeText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([kKMGTP]i?)?B$`)

// ParseSize reads a number of bytes, as in "500MiB" and "2GB": at least one.
func ParseSize(text string) (int64, error) {
	parts := sizeText.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf(`%q is no size: want a number and a unit, as in "500MiB" or "2GB"`, text)
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	unit, binary := strings.CutSuffix(parts[2], "i")
	factor := 1000.0
	if binary {
		factor = 1024
	}
	for range strings.Index("KMGTP", strings.ToUpper(unit)) + min(1, len(unit)) {
		number *= factor
	}
	if err != nil || number < 1 || number >= 1<<62 {
		return 0, fmt.Errorf("%q is out of range: want at least 1 byte, and less than 4 EiB", text)
	}
	return int64(number), nil
}
