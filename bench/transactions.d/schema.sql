DROP TABLE IF EXISTS transfers, accounts;
CREATE TABLE accounts (id bigint PRIMARY KEY, cents bigint NOT NULL);
CREATE TABLE transfers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source bigint NOT NULL,
                        target bigint NOT NULL, cents bigint NOT NULL);
INSERT INTO accounts SELECT i, 1000000 FROM generate_series(0, 9999) i;
