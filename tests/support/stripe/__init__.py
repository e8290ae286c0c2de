"""A small stateful double of Stripe's API over real HTTP, held to Stripe's own description of it.

`python -m tests.support.stripe --port N --webhook-url … --webhook-secret …` runs it for a whole stack (STRIPE_API_BASE
points to it); `running_double()` in a test. Every request and every answer is checked: a deviation fails the request,
is remembered, and fails the test at the end of `running_double`.

Not checked: `/js/…` (what Stripe's script asks of Stripe is not documented, ours are stand-ins) and `/control/…`.
An object in place of its id (expand) is held against its own description, which knows the id only.
What the description leaves out (disputes, account) is held against the types of Stripe's Python library instead.
"""
