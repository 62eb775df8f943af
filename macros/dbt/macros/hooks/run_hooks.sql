{# Hooks outside the transaction end what is open first, so that what they see is committed. #}
{% macro run_hooks(hooks, inside_transaction=true) %}
  {%- for hook in hooks if hook.transaction == inside_transaction -%}
    {%- if not inside_transaction and loop.first -%}
      {%- do adapter.commit() -%}
    {%- endif -%}
    {%- set rendered = render(hook.get('sql')) | trim -%}
    {%- if rendered -%}
      {%- do adapter.run_hook(rendered, auto_begin=inside_transaction) -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}
