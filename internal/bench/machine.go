package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A machine is what was measured on, and when.
type machine struct {
	Date       string        `json:"date"`
	CPU        string        `json:"cpu"`
	Cores      int           `json:"cores"`
	Memory     string        `json:"memory"`
	Kernel     string        `json:"kernel"`
	FileSystem string        `json:"file_system"`
	Loads      []string      `json:"loads"` // of each run: how many processes ran or waited when it began
	Go         string        `json:"go"`
	Tools      []toolVersion `json:"tools"`
}

// A toolVersion is a tool that was looked for.
type toolVersion struct {
	Tool    string `json:"tool"`
	Version string `json:"version,omitempty"`
	Out     string `json:"out,omitempty"` // why it was left out
}

// thisMachine describes the machine, and the file system of the directory.
// What can't be found out is empty.
func thisMachine(dir string) machine {
	return machine{
		Date:       time.Now().Format(time.DateOnly),
		CPU:        field("/proc/cpuinfo", "model name"),
		Cores:      runtime.NumCPU(),
		Memory:     memory(),
		Kernel:     said("uname", "-sr"),
		FileSystem: fileSystem(dir),
		Loads:      []string{load()},
		Go:         runtime.Version(),
	}
}

// field is the value of a name in a file of /proc.
func field(path, name string) string {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func memory() string {
	kib, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return ""
	}
	return strconv.Itoa((kib+1<<19)>>20) + " GiB"
}

func fileSystem(dir string) string {
	_, name, _ := strings.Cut(said("df", "--output=fstype", dir), "\n")
	return name
}

// load is the mean of the last minute, or a question mark.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	mean, _, _ := strings.Cut(string(data), " ")
	return mean
}

func said(args ...string) string {
	out, _ := exec.Command(args[0], args[1:]...).Output()
	return strings.TrimSpace(string(out))
}

// joinTools takes the later of each.
func joinTools(all, later []toolVersion) []toolVersion {
	for _, new := range later {
		i := slices.IndexFunc(all, func(t toolVersion) bool { return t.Tool == new.Tool })
		if i < 0 {
			all = append(all, new)
			continue
		}
		all[i] = new
	}
	return all
}

// find looks for a program, and for its version.
func find(name, program string, version []string) (path string, found toolVersion) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", toolVersion{Tool: name, Out: program + " is not installed"}
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", toolVersion{Tool: name, Out: err.Error()}
	}
	return path, toolVersion{Tool: name, Version: versionOf(path, version)}
}
