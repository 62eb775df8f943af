update {raw}.customers set tier = 'silver', updated_at = '2025-01-02 08:00:00' where id = 2;
update {raw}.customers set email = 'ana@new.example', updated_at = '2025-01-02 09:00:00' where id = 1;
insert into {raw}.customers values
  (4, 'Dé', 'd@x.example', 'gold', 1, '2000-01-01', '2025-01-02 10:00:00');
update {raw}.orders set quantity = 7, updated_at = '2025-01-02 12:00:00' where order_id = 2;
insert into {raw}.orders values
  (4, 1, 1, 'A-1', 1, 9.99, '2025-01-02 09:00:00', '2025-01-02 09:00:00'),
  (4, 2, 4, 'sku ''longer'' 01234', 3, 1.10, '2025-01-02 09:00:00', '2025-01-02 09:00:00');
insert into {raw}.events (kind, payload, at) values
  ('purchase', 'x', '2025-01-02 00:00:00.001');
