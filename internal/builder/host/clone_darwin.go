package host

import "errors"

// Clone would make dst share the blocks of src: Darwin can do that only with a
// file that isn't there yet.
func Clone(dst, src int) error { return errors.ErrUnsupported }
