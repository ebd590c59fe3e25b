package builder

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRemedy(t *testing.T) {
	const (
		most     = "proc/sys/user/max_user_namespaces"
		debian   = "proc/sys/kernel/unprivileged_userns_clone"
		apparmor = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
	)
	for want, tt := range map[string]struct {
		files map[string]string
		err   error
	}{
		"user.max_user_namespaces=15000":               {map[string]string{most: "0\n"}, unix.ENOSPC},
		"kernel.unprivileged_userns_clone=1":           {map[string]string{most: "63000\n", debian: "0\n"}, unix.EPERM},
		"AppArmor restricts them":                      {map[string]string{most: "63000\n", debian: "1\n", apparmor: "1\n"}, unix.EACCES},
		"if this is a container":                       {map[string]string{most: "63000\n", debian: "1\n", apparmor: "0\n"}, unix.EPERM},
		"Linux 5.12 or newer":                          {map[string]string{most: "63000\n"}, unix.ENOSYS},
		"plx is in a build of plx, where there are no": {map[string]string{most: "0\n", "plx/bin/plx": ""}, unix.ENOSPC},
	} {
		if got := remedy(tt.err, makeTree(t, tt.files)+"/"); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
