{% macro greet(name) %}'{{ var('greeting', 'hi') }} {{ name }}'{% endmacro %}
