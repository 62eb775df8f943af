{% macro mysql__dateadd(datepart, interval, from_date_or_timestamp) -%}
  {%- set part = datepart | lower -%}
  {%- if part == 'millisecond' -%}
    date_add({{ from_date_or_timestamp }}, interval ({{ interval }}) * 1000 microsecond)
  {%- else -%}
    date_add({{ from_date_or_timestamp }}, interval ({{ interval }}) {{ part }})
  {%- endif -%}
{%- endmacro %}

{# Boundaries, as on other engines; timestampdiff alone would count whole parts. Weeks begin on Monday. #}
{% macro mysql__datediff(first_date, second_date, datepart) -%}
  {%- set part = datepart | lower -%}
  {%- set first = '(' ~ first_date ~ ')' -%}
  {%- set second = '(' ~ second_date ~ ')' -%}
  {%- if part == 'year' -%}
    (year{{ second }} - year{{ first }})
  {%- elif part == 'quarter' -%}
    ((year{{ second }} - year{{ first }}) * 4 + quarter{{ second }} - quarter{{ first }})
  {%- elif part == 'month' -%}
    ((year{{ second }} - year{{ first }}) * 12 + month{{ second }} - month{{ first }})
  {%- elif part == 'week' -%}
    ((datediff({{ second }}, {{ first }}) + weekday{{ first }} - weekday{{ second }}) div 7)
  {%- elif part == 'day' -%}
    datediff({{ second }}, {{ first }})
  {%- elif part in ['hour', 'minute', 'second'] -%}
    timestampdiff({{ part }}, {{ mysql__date_trunc(part, first_date) }}, {{ mysql__date_trunc(part, second_date) }})
  {%- elif part == 'millisecond' -%}
    (timestampdiff(microsecond, {{ first }}, {{ second }}) div 1000)
  {%- elif part == 'microsecond' -%}
    timestampdiff(microsecond, {{ first }}, {{ second }})
  {%- else -%}
    {{ mysql_raise_unknown_datepart(datepart) }}
  {%- endif -%}
{%- endmacro %}

{# A datetime, whatever the part. #}
{% macro mysql__date_trunc(datepart, date) -%}
  {%- set part = datepart | lower -%}
  {%- if part == 'week' -%}
    cast(date_sub(cast({{ date }} as date), interval weekday({{ date }}) day) as datetime)
  {%- elif part == 'quarter' -%}
    cast(date_add(makedate(year({{ date }}), 1), interval quarter({{ date }}) - 1 quarter) as datetime)
  {%- else -%}
    {%- set formats = {
      'year': '%Y-01-01',
      'month': '%Y-%m-01',
      'day': '%Y-%m-%d',
      'hour': '%Y-%m-%d %H:00:00',
      'minute': '%Y-%m-%d %H:%i:00',
      'second': '%Y-%m-%d %H:%i:%s'
    } -%}
    {%- if part not in formats -%}
      {{ mysql_raise_unknown_datepart(datepart) }}
    {%- endif -%}
    cast(date_format({{ date }}, '{{ formats[part] }}') as datetime)
  {%- endif -%}
{%- endmacro %}

{% macro mysql_raise_unknown_datepart(datepart) -%}
  {%- do exceptions.raise_compiler_error('`' ~ datepart ~ '` is not a part of a date that the adapter `' ~ adapter.type() ~ '` knows') -%}
{%- endmacro %}
