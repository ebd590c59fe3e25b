package store

// ofdSetLock is F_OFD_SETLK of Darwin's <fcntl.h>.
const ofdSetLock = 90
