//! What `functions:` says beside what all nodes have: arguments and what is returned.

use crate::diag::{Code, Diagnostic};
use crate::manifest::{FunctionArgument, FunctionDetail, FunctionReturns};
use crate::yaml::Fields;

/// Reads `arguments` and `returns`.
pub fn signature(fields: &mut Fields<'_>) -> Option<FunctionDetail> {
    if let Some((key, _)) =
        fields.entry("overloads").filter(|(_, node)| node.as_seq().is_none_or(|all| !all.is_empty()))
    {
        let span = fields.span(&key.range);
        fields.report(
            Diagnostic::error(Code::NotSupported, "overloads of a function are not supported: it has one signature")
                .at(span, "")
                .help("describe each overload as a function with a name of its own"),
        );
    }
    let arguments = fields.list("arguments");
    let arguments: Vec<FunctionArgument> = arguments
        .into_iter()
        .filter_map(|node| {
            fields.nested(node, "argument", |inner| {
                let (name, data_type) = (inner.required_str("name"), inner.required_str("data_type"));
                let default_value = inner.take("default_value").filter(|node| !node.is_null());
                Some(FunctionArgument {
                    name: name?,
                    data_type: data_type?,
                    description: inner.str("description"),
                    default_value: default_value.map(|node| node.to_json()),
                })
            })
        })
        .collect();
    let Some(node) = fields.map_node("returns") else {
        fields.missing("returns");
        return None;
    };
    let returns = fields.nested(node, "`returns`", |inner| {
        Some(FunctionReturns { data_type: inner.required_str("data_type")?, description: inner.str("description") })
    })?;
    if let Some(late) =
        arguments.windows(2).find(|pair| pair[0].default_value.is_some() && pair[1].default_value.is_none())
    {
        let message = format!("argument `{}` has no `default_value`, but stands after one that has", late[1].name);
        let span = fields.span(&fields.range());
        fields.report(Diagnostic::error(Code::InvalidValue, message).at(span, "put it before those with one"));
    }
    Some(FunctionDetail { arguments, returns: Some(returns) })
}
