-- migrate:up
CREATE TABLE @identifier@ (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX @identifier@_newest ON @identifier@ (created_at DESC, id);

-- migrate:down
DROP TABLE @identifier@;
