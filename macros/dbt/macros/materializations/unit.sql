{% materialization unit, default %}
  {%- set expected_rows = config.get('expected_rows') or [] -%}
  {%- set expected_sql = config.get('expected_sql') -%}

  {%- set types = {} -%}
  {%- set quoted = {} -%}
  {%- for column in get_column_schema_from_query(sql) -%}
    {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- do quoted.update({column.name | lower: column.quoted}) -%}
  {%- endfor -%}

  {%- set compared_columns = [] -%}
  {%- for name in (fixture_column_names(expected_rows) if expected_rows else types) -%}
    {%- do compared_columns.append(quoted.get(name, name)) -%}
  {%- endfor -%}
  {%- if not expected_sql -%}
    {%- set expected_sql = get_expected_sql(expected_rows, types, quoted) -%}
  {%- endif -%}

  {%- call statement('main', fetch_result=true, auto_begin=false) -%}
    {{ get_unit_test_sql(sql, expected_sql, compared_columns) }}
  {%- endcall -%}

  {{ return({'relations': []}) }}
{% endmaterialization %}
