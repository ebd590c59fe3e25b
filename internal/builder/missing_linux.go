package builder

import (
	"fmt"
	"os"
	"strings"
)

// missing says why there are no namespaces, what to do about it, and what
// there is instead.
func missing(err error, w walls) error {
	instead := "commands can read and write what you can"
	if w.landlock {
		instead = "Landlock alone keeps commands from files that they weren't given, and from TCP"
	}
	return fmt.Errorf("the system refuses namespaces (%w): %s; until then %s", err, remedy(), instead)
}

// switches are files that tell whether the system lets ordinary users make
// namespaces, with the value by which it doesn't and what to do then.
var switches = []struct{ file, refuses, remedy string }{
	{"/proc/sys/user/max_user_namespaces", "0", "allow them with sysctl -w user.max_user_namespaces=15000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "allow them with sysctl -w kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor restricts them: " +
		"allow them with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give plx a profile with userns"},
}

// remedy says what to do about the first thing that is found to be wrong.
func remedy() string {
	for _, s := range switches {
		if data, err := os.ReadFile(s.file); err == nil && strings.TrimSpace(string(data)) == s.refuses {
			return s.remedy
		}
	}
	return "if this is a container, start it with user namespaces and an unmasked /proc " +
		"(docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
}
