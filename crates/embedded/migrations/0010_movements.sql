-- Who moved on a day. The place sorts: days since 1970 in the upper bits, the number within the day in the lower 32.
CREATE TABLE revenue_movements (
  place         INTEGER PRIMARY KEY,
  date          TEXT NOT NULL,
  customer      TEXT NOT NULL,
  currency      TEXT NOT NULL,
  kind          TEXT NOT NULL,
  figure_before TEXT NOT NULL,
  figure_after  TEXT NOT NULL,
  subscriptions TEXT
) STRICT;
CREATE INDEX revenue_movements_customer ON revenue_movements (customer, place);

-- How many of them count; NULL for a day that was kept before they were.
ALTER TABLE revenue_days ADD COLUMN movements INTEGER;

-- What a customer's subscriptions are worth one by one, as JSON; NULL where that was not kept.
ALTER TABLE revenue_customers ADD COLUMN subscriptions TEXT;
ALTER TABLE revenue_customers ADD COLUMN opening_subscriptions TEXT;
