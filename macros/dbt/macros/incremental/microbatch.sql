{# One batch takes the place of what the table has of its time, in the transaction that the materialization opens. A row
   outside of the batch is not inserted: it belongs to another one, and would come twice. #}
{% macro default__get_incremental_microbatch_sql(arg_dict) %}
  {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
  {%- set in_batch = microbatch_predicate() -%}
delete from {{ arg_dict['target_relation'] }}
where {{ in_batch }}
  {%- for predicate in incremental_predicate_list(arg_dict['incremental_predicates']) %}
and ({{ predicate }})
  {%- endfor %};
insert into {{ arg_dict['target_relation'] }} ({{ columns }})
select {{ columns }}
from {{ arg_dict['temp_relation'] }}
where {{ in_batch }}
{% endmacro %}

{# The condition that a row is of the batch that is being run. #}
{% macro microbatch_predicate() -%}
  {%- set event_time = config.get('event_time') -%}
  {{ return(event_time ~ ' >= ' ~ event_time_literal(model.batch.event_time_start)
            ~ ' and ' ~ event_time ~ ' < ' ~ event_time_literal(model.batch.event_time_end)) }}
{%- endmacro %}

{# A time of a batch, which is UTC, as a literal. #}
{% macro event_time_literal(time) -%}
  {{ return(adapter.dispatch('event_time_literal', 'dbt')(time)) }}
{%- endmacro %}

{% macro default__event_time_literal(time) -%}
  {{ return("'" ~ time ~ "'") }}
{%- endmacro %}

{# Batches of one model may run at the same time: each has a table of its own for its new rows. #}
{% macro incremental_temp_suffix() -%}
  {{ return('__dbt_tmp_' ~ model.batch.id if model.batch is defined else '__dbt_tmp') }}
{%- endmacro %}
