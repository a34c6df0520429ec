-- The tables of an application of orders, and what is in them when its answers are recorded. Times
-- are given, so that two recordings are the same.
SET ROLE signalbox;

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT '2026-01-02 03:04:05.678901+00'
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    customer text NOT NULL,
    email text NOT NULL,
    status text NOT NULL,
    note text,
    created_at timestamptz NOT NULL DEFAULT '2026-01-02 03:04:05.678901+00',
    internal_score integer NOT NULL DEFAULT 17
);
CREATE TABLE order_items (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    sku text NOT NULL,
    quantity integer NOT NULL,
    price numeric(10, 2) NOT NULL
);

INSERT INTO users (name, email)
SELECT 'User ' || n, 'user' || n || '@example.com' FROM generate_series(1, 7) n;

INSERT INTO orders (reference, customer, email, status, note, created_at)
SELECT 'REF-' || lpad(n::text, 3, '0'),
       'Customer ' || n,
       'customer' || n || '@example.com',
       (ARRAY['open', 'paid', 'shipped'])[n % 3 + 1],
       CASE WHEN n % 4 = 0 THEN 'Note "' || n || E'"\n– ü' END,
       timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour' + (n % 2) * interval '1 ms'
  FROM generate_series(1, 23) n
 ORDER BY n;

INSERT INTO order_items (order_id, sku, quantity, price)
SELECT id, 'SKU-' || id, 1, 9.95 FROM orders;
