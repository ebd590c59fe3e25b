// Package builder owns the contract with a command, and running one. It knows
// directories, not references: what a command is given comes from whoever
// calls [Run], and what it leaves in out is theirs to take.
//
// # The build directory
//
//	src/          working directory: a private, writable copy of the source
//	in/X          input X, read-only; for a list in/X/1, in/X/2, … with zeros before
//	out/          $out: what is left here is the result
//	tmp/          $TMPDIR and $HOME
//	carry/        $PLX_CARRY: what an interrupted build left for the next
//	build.json    $PLX_BUILD: the description, without any name of a stage
//
// # A run
//
//  1. Lay the source, the inputs and, for a check, the finished result: where
//     an earlier run has been, over what it has left (reuse.go).
//  2. Make the directories of the declared outputs, and write the description.
//  3. Start the command in a session of its own, with the environment of
//     env.go, umask 022, no input, and the log as its output.
//  4. Wait until it exits, the timeout is over or the context is done. In the
//     last two cases all of its processes get TERM, and time to follow it.
//  5. Kill what is left of its processes, so that nothing writes to out later.
//
// # A sandbox
//
// [Sandbox.Run] does the same with the command in a place of its own, where the
// build directory is /build. On Linux a warden (warden_linux.go), process 1 of
// a set of namespaces, makes that place (mount_linux.go), takes the command's
// rights (confine_linux.go, seccomp_linux.go, landlock_linux.go) and starts it;
// plx tells it what to do (cell_linux.go, message_linux.go). docs/design/isolation.md
// says why.
//
// What differs between operating systems is in files named after them:
// process_linux.go and process_other.go start a command and find its
// processes, reaper_linux.go finds what it has left, copy_linux.go and copy_other.go share the bytes of files,
// relay_linux.go and relay_other.go make a terminal for a shell,
// jobserver_linux.go is what make asks for jobs; host is what others need, too. Inputs are laid in one place, [build.layInput].
//
// docs/build-environment.md is the contract for those who write commands.
package builder
