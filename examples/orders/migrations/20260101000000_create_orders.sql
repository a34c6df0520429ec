-- migrate:up
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_newest ON orders (created_at DESC, id);

-- migrate:down
DROP TABLE orders;
