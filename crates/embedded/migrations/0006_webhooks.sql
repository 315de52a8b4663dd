-- How a subscription's endpoint does: since when it only fails, how, and since when it is switched off.
ALTER TABLE subscriptions ADD COLUMN failing_since INTEGER;
ALTER TABLE subscriptions ADD COLUMN last_error TEXT;
ALTER TABLE subscriptions ADD COLUMN disabled_at INTEGER;

-- Until when a sender has a delivery. Deliveries are taken endpoint by endpoint.
ALTER TABLE deliveries ADD COLUMN leased_until INTEGER;
DROP INDEX deliveries_due;
CREATE INDEX deliveries_turn ON deliveries (subscription, due_at);
CREATE INDEX deliveries_leased ON deliveries (subscription, leased_until) WHERE leased_until IS NOT NULL;
