{# Dates given as text in configs and variables. #}

{% macro convert_datetime(date_str, date_fmt) %}
  {{ return(modules.datetime.datetime.strptime(date_str | string, date_fmt)) }}
{% endmacro %}

{# Every day from the start to the end, both included, as text. #}
{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt="%Y%m%d", out_fmt="%Y%m%d") %}
  {%- set start_date = convert_datetime(start_date_str, in_fmt) -%}
  {%- set end_date = convert_datetime(start_date_str if end_date_str is none else end_date_str, in_fmt) -%}
  {%- set day_count = (end_date - start_date).days -%}
  {%- if day_count < 0 -%}
    {%- do exceptions.raise_compiler_error('the range of dates ends before it starts: `' ~ start_date_str ~ '` to `' ~ end_date_str ~ '`') -%}
  {%- endif -%}
  {%- set dates = [] -%}
  {%- for day in range(day_count + 1) -%}
    {%- do dates.append((start_date + modules.datetime.timedelta(days=day)).strftime(out_fmt)) -%}
  {%- endfor -%}
  {{ return(dates) }}
{% endmacro %}

{# `20240101`, or `20240101, 20240131`. #}
{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}
  {%- set parts = (raw_partition_date | string).split(',') -%}
  {%- if parts | length > 2 -%}
    {%- do exceptions.raise_compiler_error('a range of partitions is `<start>` or `<start>, <end>`, not `' ~ raw_partition_date ~ '`') -%}
  {%- endif -%}
  {{ return(dates_in_range(parts[0] | trim, parts[1] | trim if parts | length == 2 else none, in_fmt=date_fmt)) }}
{% endmacro %}

{# The time of this call as digits, for names that must not repeat. #}
{% macro py_current_timestring() %}
  {{ return(modules.datetime.datetime.now().strftime('%Y%m%d%H%M%S%f')) }}
{% endmacro %}
