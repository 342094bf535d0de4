-- migrate:up
create index customer_name on customer (name);

-- migrate:down
drop index customer_name;
