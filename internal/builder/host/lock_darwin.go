package host

// LockOpenFile is F_OFD_SETLK of Darwin's <fcntl.h>.
const LockOpenFile = 90
