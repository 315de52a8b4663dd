//! Stripe's objects, in every shape its API has sent, read into the domain's types.
