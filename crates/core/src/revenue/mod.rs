//! Monthly Recurring Revenue: pure. Subscriptions in, exact figures and their reasons out.
