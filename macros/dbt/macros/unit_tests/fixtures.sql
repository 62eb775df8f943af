{# Rows of a unit test as SQL, typed like the columns of the relation they stand for. #}

{# The rows of an input, which is `this` here. Columns that a row leaves out are null. #}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
  {%- set types = column_name_to_data_types -%}
  {%- if not types -%}
    {%- set types = {} -%}
    {%- set source = defer_relation if defer_relation and not load_relation(this) else this -%}
    {%- for column in adapter.get_columns_in_relation(source) -%}
      {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- if not types -%}
    {%- do exceptions.raise_compiler_error('the columns of ' ~ this.render() ~ ' are not known, because it does not exist: build it first (`run --select ' ~ model.name ~ ' --empty`), or give every column in the rows') -%}
  {%- endif -%}
  {%- do validate_fixture_columns(rows, types, 'input') -%}
  {%- for row in rows %}
    {%- set cells = fixture_cells(row) %}
select
    {%- for name, type in types.items() %}
    {{ safe_cast(adapter.literal(cells.get(name)), type) | trim }} as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
    {%- endfor %}
    {%- if not loop.last %}
union all
    {%- endif %}
  {%- endfor %}
  {%- if not rows %}
select
    {%- for name, type in types.items() %}
    {{ safe_cast('null', type) | trim }} as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
    {%- endfor %}
limit 0
  {%- endif %}
{% endmacro %}

{# The expected rows: only the columns that some of them name. #}
{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
  {%- if not rows -%}
select * from dbt_internal_unit_test_actual
limit 0
  {%- else -%}
    {%- do validate_fixture_columns(rows, column_name_to_data_types, 'expectation') -%}
    {%- set names = fixture_column_names(rows) -%}
    {%- for row in rows %}
      {%- set cells = fixture_cells(row) %}
select
      {%- for name in names %}
    {{ safe_cast(adapter.literal(cells.get(name)), column_name_to_data_types[name]) | trim }} as {{ column_name_to_quoted[name] }}{{ ',' if not loop.last }}
      {%- endfor %}
      {%- if not loop.last %}
union all
      {%- endif %}
    {%- endfor %}
  {%- endif -%}
{% endmacro %}

{# A row with its names in lower case. #}
{% macro fixture_cells(row) %}
  {%- set cells = {} -%}
  {%- for name, value in row.items() -%}
    {%- do cells.update({name | lower: value}) -%}
  {%- endfor -%}
  {{ return(cells) }}
{% endmacro %}

{# Every name that some row has, in lower case, in their first order. #}
{% macro fixture_column_names(rows) %}
  {%- set names = [] -%}
  {%- for row in rows -%}
    {%- for name in row if name | lower not in names -%}
      {%- do names.append(name | lower) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(names) }}
{% endmacro %}

{% macro validate_fixture_columns(rows, column_name_to_data_types, role) %}
  {%- for row in rows -%}
    {%- for name in row if name | lower not in column_name_to_data_types -%}
      {%- do exceptions.raise_compiler_error('column `' ~ name ~ '` in row ' ~ loop.index ~ ' of the ' ~ role ~ ' of unit test `' ~ model.name ~ '` is not a column of the relation: it has `' ~ column_name_to_data_types | join('`, `') ~ '`') -%}
    {%- endfor -%}
  {%- endfor -%}
{% endmacro %}
