-- migrate:up
CREATE TABLE @identifier@ (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX @identifier@_newest ON @identifier@ (created_at DESC, id);

-- migrate:down
DROP TABLE @identifier@;
