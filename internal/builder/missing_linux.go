package builder

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// missing says why there are no namespaces, what to do about it, and what
// there is instead.
func (s *Sandbox) missing(err error, w walls) error {
	refused := fmt.Errorf("the system refuses namespaces (%w): %s", err, remedy(err, "/"))
	if s.Mode == Strict {
		return refused
	}
	instead := "commands can read and write what you can"
	if w.landlock {
		instead = "Landlock alone keeps commands from files that they weren't given, and from TCP"
	}
	return fmt.Errorf("%w; until then %s", refused, instead)
}

// switches are files that tell whether the system lets ordinary users make
// namespaces, with the value by which it doesn't and what to do then.
var switches = []struct{ file, refuses, remedy string }{
	{"/proc/sys/user/max_user_namespaces", "0", "allow them with sysctl -w user.max_user_namespaces=15000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "allow them with sysctl -w kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor restricts them: " +
		"allow them with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give plx a profile with userns"},
}

// remedy says what to do about the first thing that is found to be wrong, on a
// machine whose files are at root.
func remedy(err error, root string) string {
	if _, err := os.Stat(root + cellBin + "/plx"); err == nil {
		return "plx is in a build of plx, where there are none; what it runs is kept apart from the machine all the same"
	}
	for _, s := range switches {
		if data, err := os.ReadFile(root + s.file); err == nil && strings.TrimSpace(string(data)) == s.refuses {
			return s.remedy
		}
	}
	if errors.Is(err, unix.ENOSYS) {
		return "they need Linux 5.12 or newer"
	}
	return "if this is a container, start it with user namespaces and an unmasked /proc " +
		"(docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
}
