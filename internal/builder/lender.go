package builder

import "context"

// A Lender has the slots that a [Jobserver] hands to a command.
type Lender interface {
	Borrow(ctx context.Context, by Borrower) bool // waits until a slot is lent, or ctx ends
	Repay(by Borrower)                            // gives back one that was lent
	Settle()                                      // recalls what is lent, where somebody else wants it
}

// A Borrower is the jobserver of a command.
type Borrower interface {
	// Recall gives a slot back by [Lender.Repay] if one is not in use, and
	// reports whether one was.
	Recall() bool
}
