"""A bank like Stripe: tokens, charges, slow approvals, refunds, keys, signed events, its own card fields."""
