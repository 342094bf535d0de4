-- migrate:up
create table customer (id integer primary key, name text not null);

-- migrate:down
drop table customer;
