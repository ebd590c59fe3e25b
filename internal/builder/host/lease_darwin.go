package host

import "os"

// IsUnused reports whether an open file is empty and has no other name, and no
// process has it open but this one. Here nothing tells.
func IsUnused(*os.File) bool { return false }
