"""A double of Stripe's script: the documented interface of Stripe.js, strict, over real frames on an origin of its own.

Its interface is that of @stripe/stripe-js 10.2.1 (release train endive) and docs.stripe.com/js. What is not documented
there is refused with an IntegrationError, so that our page keeps to what is. Tokens and intents come from the double of
Stripe's API (tests/support/stripe), whose `/js/…` addresses its frames ask.
"""
