select {{ columns_of(ref('fct_keys')) }} from {{ ref('fct_keys') }}
