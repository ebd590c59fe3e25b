package builder

import (
	"slices"
	"strings"
)

// Reserved reports whether name can't be that of an input, an output or a
// config value: the contract gives it a meaning, or a shell or the loader of
// programs does. Of these, env may set all but out and PLX_*.
func Reserved(name string) bool {
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	_, found := slices.BinarySearch(reservedNames, name)
	return found
}

// reservedPrefixes begin names of which more may come: plx's own, locales, the
// loaders of Linux and macOS, bash.
var reservedPrefixes = []string{"PLX_", "LC_", "LD_", "DYLD_", "BASH_", "COMP_", "READLINE_"}

// reservedNames are the variables that the contract sets, and those that sh,
// dash, bash or ksh set by themselves, refuse to set, or change their ways by.
// They are in the order of their bytes.
var reservedNames = []string{
	"BASH", "BASHOPTS", "BASHPID",
	"CDPATH", "COLUMNS", "COMPREPLY", "COPROC",
	"DIRSTACK",
	"ENV", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "EXECIGNORE",
	"FCEDIT", "FIGNORE", "FPATH", "FUNCNAME", "FUNCNEST",
	"GLOBIGNORE", "GLOBSORT", "GROUPS",
	"HISTCMD", "HISTCONTROL", "HISTFILE", "HISTFILESIZE", "HISTIGNORE", "HISTSIZE", "HISTTIMEFORMAT",
	"HOME", "HOSTFILE", "HOSTNAME", "HOSTTYPE",
	"IFS", "IGNOREEOF", "INPUTRC", "INSIDE_EMACS",
	"KSH_VERSION",
	"LANG", "LANGUAGE", "LINENO", "LINES",
	"MACHTYPE", "MAIL", "MAILCHECK", "MAILPATH", "MAKEFLAGS", "MAPFILE",
	"OLDPWD", "OPTARG", "OPTERR", "OPTIND", "OSTYPE",
	"PATH", "PIPESTATUS", "POSIXLY_CORRECT", "PPID", "PROMPT_COMMAND", "PROMPT_DIRTRIM",
	"PS0", "PS1", "PS2", "PS3", "PS4", "PWD",
	"RANDOM", "REPLY",
	"SECONDS", "SHELL", "SHELLOPTS", "SHLVL", "SOURCE_DATE_EPOCH", "SRANDOM",
	"TERM", "TIMEFORMAT", "TMOUT", "TMPDIR", "TZ",
	"UID",
	"_", "auto_resume", "histchars", "out",
}
