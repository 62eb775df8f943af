create table {raw}.customers (id int primary key, full_name varchar(60), email varchar(80), tier varchar(10), balance decimal(12,2), born date, updated_at datetime not null);
create table {raw}.orders (order_id int, line_no int, customer_id int, sku varchar(20), quantity int, price decimal(10,2), ordered_at datetime, updated_at timestamp not null, primary key (order_id, line_no));
create table {raw}.events (id bigint auto_increment primary key, kind varchar(12), payload text, at datetime(3));
insert into {raw}.customers values
  (1, 'Ana O''Neil', 'ana@x.example', 'gold', 10.50, '1980-02-29', '2025-01-01 08:00:00'),
  (2, 'Bo Çelik', null, 'basic', -3.25, null, '2025-01-01 09:00:00'),
  (3, 'Cy %s {{ x }}', 'cy@x.example', null, 0, '1999-12-31', '2025-01-01 10:00:00');
insert into {raw}.orders values
  (1, 1, 1, 'A-1', 2, 9.99, '2025-01-01 10:00:00', '2025-01-01 10:00:00'),
  (1, 2, 1, 'B-2', 1, 100.00, '2025-01-01 10:00:00', '2025-01-01 10:00:00'),
  (2, 1, 2, 'A-1', 5, 9.50, '2025-01-01 11:30:00', '2025-01-01 11:30:00'),
  (3, 1, null, 'C-3', 1, 0.01, '2025-01-01 23:59:59', '2025-01-01 23:59:59');
insert into {raw}.events (kind, payload, at) values
  ('click', '{"a": 1}', '2025-01-01 10:00:00.123'),
  ('view', null, '2025-01-01 10:00:01');
