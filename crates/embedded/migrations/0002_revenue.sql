-- A day's MRR: the record as JSON text; the date as YYYY-MM-DD, so that it sorts.
CREATE TABLE revenue_days (
  date   TEXT PRIMARY KEY,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Customers' last figures in minor units, exact: `500` or `10/3`.
CREATE TABLE revenue_customers (
  customer TEXT NOT NULL,
  currency TEXT NOT NULL,
  figure   TEXT,
  day      TEXT NOT NULL,
  opening  TEXT,
  PRIMARY KEY (customer, currency)
) STRICT, WITHOUT ROWID;
