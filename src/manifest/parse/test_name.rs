//! What a generic test is called when it has no name of its own.

use serde_json::{Map, Value};

use crate::manifest::hash;

/// Names of a test from its arguments: what identifies them, without what a file name cannot hold.
pub fn synthesize(test: &str, target: &str, kwargs: &Map<String, Value>) -> (String, String) {
    let mut names: Vec<&String> = kwargs.keys().filter(|name| *name != "model").collect();
    names.sort();
    let mut flat = Vec::new();
    for name in names {
        match &kwargs[name] {
            Value::Object(map) => flat.extend(map.values().map(clean)),
            Value::Array(items) => flat.extend(items.iter().map(clean)),
            other => flat.push(clean(other)),
        }
    }
    let identifier = format!("{test}_{target}");
    let full = format!("{identifier}_{}", flat.join("__"));
    // 64 characters is what the strictest database takes as a name.
    let short = if full.chars().count() >= 64 {
        format!("{}_{}", identifier.chars().take(30).collect::<String>(), hash::md5(&full))
    } else {
        full.clone()
    };
    (short, full)
}

/// Runs of other characters become one `_`.
fn clean(value: &Value) -> String {
    let mut text = String::new();
    let mut gap = false;
    for c in hash::py_str(value).chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            text.push(c);
            gap = false;
        } else if !gap {
            text.push('_');
            gap = true;
        }
    }
    text
}

/// What tells tests of one name apart in their ids: ten digits of the hash of name and metadata.
pub fn digest(name: &str, metadata: &Value) -> String {
    let digest = hash::md5(&format!("{name}{}", hash::py_repr(&hashable(metadata))));
    digest[digest.len() - 10..].to_owned()
}

/// The metadata as dbt hashes it: keys sorted, every value a text.
fn hashable(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Value::Object(keys.into_iter().map(|key| (key.clone(), hashable(&map[key]))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(hashable).collect()),
        other => Value::String(hash::py_str(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kwargs(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn names_are_built_from_sorted_arguments() {
        let args = kwargs(json!({"to": "ref('dim_customers')", "field": "key", "column_name": "k", "model": "x"}));
        let (short, full) = synthesize("relationships", "fct_orders", &args);
        assert_eq!(full, "relationships_fct_orders_k__key__ref_dim_customers_");
        assert_eq!(short, full);
    }

    #[test]
    fn long_names_are_cut_and_hashed() {
        let args = kwargs(json!({"column_name": "order_status", "values": ["placed", "paid", "shipped", "completed"]}));
        let (short, full) = synthesize("accepted_values", "fct_orders", &args);
        assert_eq!(full, "accepted_values_fct_orders_order_status__placed__paid__shipped__completed");
        assert_eq!(short, format!("accepted_values_fct_orders_{}", hash::md5(&full)));
    }
}
