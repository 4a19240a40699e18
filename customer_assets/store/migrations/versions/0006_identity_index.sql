CREATE TABLE ops.identity_index (
    row_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    ref TEXT NOT NULL,
    said TEXT NOT NULL,
    customer_id BIGINT NOT NULL,
    keys TEXT[] NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT identity_index_pkey PRIMARY KEY (row_id)
);

CREATE INDEX identity_index_keys_idx ON ops.identity_index USING gin (keys);
COMMENT ON TABLE ops.identity_index IS 'Cache rows as they were resolved last, so that a sync resolves what changed alone.';
COMMENT ON COLUMN ops.identity_index.row_id IS 'customers_cache.id';
COMMENT ON COLUMN ops.identity_index.ref IS 'system:id';
COMMENT ON COLUMN ops.identity_index.said IS 'hash of the row and of the engine when it was resolved last';
COMMENT ON COLUMN ops.identity_index.customer_id IS 'customers.id that it was resolved to';
COMMENT ON COLUMN ops.identity_index.keys IS 'what it is found by: phones, mailboxes, address, names';
